"""Reports of sessions that the fallback placed, without I/O: how slta learns of them, and of their ends."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY

from slta_client import keeping
from slta_client.calls import Send
from slta_client.replies import Reply, failed
from slta_client.session import Session
from tests.client.scripted import Scripted, Server, ends, opened, outcomes, placed, pools, put, replies, wanted
from tests.inventory import each

UNKNOWN = (404, "unknown_session")


def keep(scripted: Scripted, server: Server, until: float) -> list[tuple[float, dict[str, Any]]]:
    """Run the loop of leases; the operations that were sent, each with its time. Endpoints are not answered."""
    scripted.sent.clear()
    serve: Server = lambda send: failed("unreachable") if send.body is None else server(send)  # noqa: E731
    scripted.run(keeping.keep(scripted), serve, until)
    return [(at, one) for at, send in scripted.sent if send.body for one in send.body["operations"]]


def kinds(sent: list[tuple[float, dict[str, Any]]]) -> list[str]:
    return [kind for _, operation in sent for kind in operation]


def answering(outcome: Callable[[str], tuple[int, dict[str, Any]]]) -> Server:
    """Each operation has an outcome by its kind."""

    def serve(send: Send) -> Reply:
        assert send.body is not None
        found = [outcome(kind) for operation in send.body["operations"] for kind in operation]
        return Reply(200, "", {"outcomes": [{"status": status, "body": body} for status, body in found]})

    return serve


def taken(outcome: str = "new", lease: float = 30.0) -> Server:
    return answering(lambda kind: (200, {"outcome": outcome, "lease_seconds": lease} if kind == "report" else {}))


def placed_away(lease: float | None = 30.0, **doubt: Any) -> tuple[Scripted, Session]:
    scripted = Scripted(pools())
    server = replies("timeout", "timeout", "timeout", "timeout") if doubt else lambda _: failed("unreachable")
    return scripted, put(scripted, server, wanted(lease=lease))


def test_a_session_of_the_fallback_is_reported_late_with_its_lease_and_then_renewed() -> None:
    scripted, session = placed_away()
    start = scripted.now
    sent = keep(scripted, taken(), start + 25)
    report = {"session_id": "s-1", "pool_id": session.pool_id, "late": True, "lease_seconds": 30.0}
    assert sent == [(start, {"report": report}), *[(start + at, {"renew": {"session_id": "s-1"}}) for at in (10, 20)]]
    assert scripted.leases.unreported() == []


@each(("lease", "fields"), [(None, set()), (0.0, {"lease_seconds"})])
def test_the_fleets_lease_is_learned_from_the_report(lease: float | None, fields: set[str]) -> None:
    scripted, session = placed_away(lease=lease)
    (_, first), *_ = keep(scripted, taken(lease=7.0 if lease is None else 0.0), scripted.now + 1)
    assert first["report"].keys() - {"session_id", "pool_id", "late"} == fields
    assert session.lease_seconds == (7.0 if lease is None else 0.0)


@each("outcome", ["same", "moved"])
def test_a_session_that_slta_had_is_renewed_at_once(outcome: str) -> None:
    scripted, _ = placed_away(doubt=True)
    start = scripted.now
    assert [(at - start, *one) for at, one in keep(scripted, taken(outcome), start + 9)] == [
        (0, "report"),
        (0, "renew"),
    ]


def test_reports_are_repeated_every_two_seconds_at_least_until_slta_answers() -> None:
    scripted, _ = placed_away()
    back = scripted.now + 60
    server: Server = lambda send: taken()(send) if scripted.now >= back else failed("unreachable")  # noqa: E731
    times = [at for at, operation in keep(scripted, server, back + 3) if "report" in operation]
    assert back <= times[-1] <= back + 2
    assert scripted.leases.unreported() == []


def test_a_thousand_reports_are_one_call(scripted: Scripted) -> None:
    scripted.falls_back(pools(capacity=10_000))
    opened(scripted)
    for number in range(2500):
        put(scripted, replies(), wanted(session_id=f"s-{number}"))
    keep(scripted, taken(), scripted.now)
    assert [len(send.body["operations"]) for _, send in scripted.sent if send.body] == [1000, 1000, 500]


def test_an_answer_to_a_report_lets_a_probe_through() -> None:
    scripted, _ = placed_away()
    opened(scripted)
    keep(scripted, taken(), scripted.now)
    assert put(scripted, lambda _: placed(), wanted(session_id="s-2")).placed_by == "slta"


def test_an_outcome_that_says_that_slta_is_away_does_not() -> None:
    scripted, _ = placed_away()
    opened(scripted)
    keep(scripted, answering(lambda _: (503, {"code": "store_unavailable"})), scripted.now)
    assert put(scripted, replies(), wanted(session_id="s-2")).placed_by == "fallback"


@each("code", ["over_capacity", "reported_pool_unknown", "insufficient_scope"])
def test_a_refused_report_is_repeated_each_minute_and_the_session_goes_on(code: str) -> None:
    scripted, session = placed_away()
    start = scripted.now
    sent = keep(scripted, answering(lambda _: (409, {"code": code})), start + 150)
    assert kinds(sent) == ["report"] * 3
    assert [round((at - start) / 60, 1) for at, _ in sent] == [0, 1, 2]
    assert session.lost is None


def test_a_report_of_an_ended_id_is_not_repeated_and_the_session_goes_on() -> None:
    scripted, session = placed_away(doubt=True)
    server = answering(lambda _: (409, {"code": "session_ended"}))
    assert kinds(keep(scripted, server, scripted.now + 1000)) == ["report"]
    assert (session.lost, scripted.leases.unreported()) == (None, [session])
    scripted.leases.end(session)
    assert ends(scripted) == []


def refused_reports(code: str) -> float:
    return REGISTRY.get_sample_value("slta_client_refused_reports_total", {"problem_code": code}) or 0.0


def test_a_refused_report_is_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    scripted, session = placed_away()
    before = refused_reports("over_capacity")
    keep(scripted, answering(lambda _: (409, {"code": "over_capacity"})), scripted.now)
    assert refused_reports("over_capacity") == before + 1
    assert f"slta refused session s-1, which was placed on {session.pool_id}: over_capacity" in caplog.text


# Ends


@each(("doubt", "sent"), [({}, []), ({"doubt": True}, ["complete"])])
def test_a_session_is_completed_only_if_slta_may_know_it(doubt: dict[str, bool], sent: list[str]) -> None:
    scripted, session = placed_away(**doubt)
    scripted.leases.end(session)
    assert kinds(keep(scripted, taken(), scripted.now + 100)) == sent


@each(("code", "ended"), [("unreachable", []), ("timeout", ["complete"])])
def test_a_report_that_may_have_arrived_is_followed_by_an_end(code: str, ended: list[str]) -> None:
    scripted, session = placed_away()
    keep(scripted, lambda _: failed(code), scripted.now)
    scripted.leases.end(session)
    assert kinds(keep(scripted, taken(), scripted.now + 100)) == ended


def test_the_end_is_repeated_for_as_long_as_the_lease_of_the_last_report_lasts() -> None:
    scripted, session = placed_away(lease=30.0)
    away = scripted.now + 500
    keep(scripted, lambda _: failed("timeout"), away)
    scripted.leases.end(session)
    times = [at - away for at, _ in keep(scripted, lambda _: failed("timeout"), away + 200)]
    assert 80 < max(times) < 90


def test_a_session_that_ends_during_its_report_is_completed() -> None:
    scripted, session = placed_away()

    def serve(send: Send) -> Reply:
        if "report" in send.body["operations"][0]:
            scripted.leases.end(session)
            return failed("timeout")
        return outcomes(UNKNOWN)

    assert kinds(keep(scripted, serve, scripted.now + 100)) == ["report", "complete"]


def test_closing_reports_nothing_more() -> None:
    scripted, _ = placed_away()
    scripted.leases.close(scripted.now + 5)
    assert keep(scripted, taken(), scripted.now + 100) == []


def test_a_client_that_was_closed_meanwhile_places_nothing_by_the_fallback(scripted: Scripted) -> None:
    scripted.falls_back(pools())

    def closing(_: Send) -> Reply:
        scripted.leases.close(scripted.now + 5)
        return failed("timeout")

    with pytest.raises(RuntimeError, match="closed"):
        put(scripted, closing)
    assert ends(scripted) == ["s-1"]


# Metrics


def gauge(name: str) -> float:
    return REGISTRY.get_sample_value(f"slta_client_{name}") or 0.0


def test_the_breaker_and_unreported_sessions_are_gauges() -> None:
    gc.collect()  # clients of earlier tests leave the sums
    before = gauge("open_breakers"), gauge("unreported_sessions")
    scripted, session = placed_away()
    opened(scripted)
    assert (gauge("open_breakers"), gauge("unreported_sessions")) == (before[0] + 1, before[1] + 1)
    scripted.leases.end(session)
    assert gauge("unreported_sessions") == before[1]


@each("by", ["slta", "fallback"])
def test_placements_are_counted_by_who_placed(by: str) -> None:
    labels = {"placed_by": by}
    before = REGISTRY.get_sample_value("slta_client_placements_total", labels) or 0.0
    scripted = Scripted(pools())
    put(scripted, lambda _: placed() if by == "slta" else failed("unreachable"))
    assert REGISTRY.get_sample_value("slta_client_placements_total", labels) == before + 1
