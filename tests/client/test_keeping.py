"""The loop of leases, without I/O: when sessions are renewed, how their ends are repeated, and when it stops."""

from __future__ import annotations

from typing import Any

from prometheus_client import REGISTRY

from slta_client.calls import Send
from slta_client.keeping import keep
from slta_client.replies import Reply, failed
from slta_client.session import Session
from tests.client.scripted import Scripted, outcomes, refused, silent
from tests.inventory import each

ENDED = (409, "session_ended")
UNKNOWN = (404, "unknown_session")


def live(scripted: Scripted, session_id: str = "s-1", lease: float = 30.0, fleet: str = "a") -> Session:
    session = Session(session_id, fleet, "c-1", "c", None, lease, replayed=False)
    session.leased(scripted.now)
    scripted.leases.begin(session)
    return session


def ids(send: Send, kind: str) -> list[str]:
    return [operation[kind]["session_id"] for operation in send.body["operations"] if kind in operation]


def accept(send: Send) -> Reply:
    return outcomes(*[(200, "")] * len(send.body["operations"]))


def run(scripted: Scripted, server: Any, until: float = float("inf")) -> None:
    scripted.run(keep(scripted), server, until)


# Renewals


def test_a_session_is_renewed_each_third_of_its_lease(scripted: Scripted) -> None:
    live(scripted, lease=30)
    run(scripted, accept, until=1035)
    assert [at for at, _ in scripted.sent] == [1010, 1020, 1030]


def test_a_session_without_a_lease_is_not_renewed(scripted: Scripted) -> None:
    live(scripted, lease=0)
    run(scripted, accept, until=100_000)
    assert scripted.sent == []


def test_a_call_renews_at_most_1000_sessions_in_due_order(scripted: Scripted) -> None:
    for number in range(2500):
        scripted.now = 1000 + number / 10_000
        live(scripted, f"s-{number}")
    run(scripted, accept, until=1015)
    renewed = [ids(send, "renew") for _, send in scripted.sent]
    assert [len(batch) for batch in renewed] == [1000, 1000, 500]
    assert [name for batch in renewed for name in batch] == [f"s-{number}" for number in range(2500)]


def test_one_that_is_nearly_due_is_renewed_with_one_that_is(scripted: Scripted) -> None:
    live(scripted, "s-1", lease=30)
    scripted.now += 0.9
    live(scripted, "s-2", lease=30)
    scripted.now += 0.2
    live(scripted, "s-3", lease=30)
    run(scripted, accept, until=1011.05)
    assert [ids(send, "renew") for _, send in scripted.sent] == [["s-1", "s-2"]]


def test_the_deadline_of_a_renewal_is_shorter_than_the_rest_of_the_lease() -> None:
    scripted = Scripted(timeout=1)
    session = live(scripted, lease=1.5)
    run(scripted, lambda _: failed("timeout"), until=1001.2)
    assert len(scripted.sent) > 2
    assert [(at, send) for at, send in scripted.sent if not send.seconds < session.lease_ends_at - at] == []


def test_a_renewal_is_repeated_also_when_the_lease_has_run_out(scripted: Scripted) -> None:
    session = live(scripted, lease=3)
    run(scripted, lambda send: accept(send) if scripted.now > 1020 else failed("unreachable"), until=1030)
    assert session.lost is None
    assert session.lease_ends_at > 1030


def test_only_what_failed_is_renewed_again(scripted: Scripted) -> None:
    live(scripted, "s-1")
    live(scripted, "s-2")
    first = iter([outcomes((200, ""), (503, "store_unavailable"))])
    run(scripted, lambda send: next(first, accept(send)), until=1015)
    assert [(at, ids(send, "renew")) for at, send in scripted.sent] == [(1010, ["s-1", "s-2"]), (1010.05, ["s-2"])]


def test_an_outcome_says_when_it_is_repeated(scripted: Scripted) -> None:
    live(scripted)
    busy = Reply(200, "", {"outcomes": [{"status": 503, "body": {"code": "overloaded", "retry_after_seconds": 2}}]})
    first = iter([busy])
    run(scripted, lambda send: next(first, accept(send)), until=1015)
    (one, _), (other, _) = scripted.sent
    assert 2 <= other - one <= 2.5


def test_renewals_fail_ever_more_slowly(scripted: Scripted) -> None:
    live(scripted)
    run(scripted, lambda _: failed("unreachable"), until=1100)
    gaps = [after - before for (before, _), (after, _) in zip(scripted.sent, scripted.sent[1:], strict=False)]
    assert gaps[0] < 0.051
    assert [gap for gap in gaps[8:] if not 1 <= gap <= 2] == []


def test_one_fleet_that_fails_does_not_hold_up_another(scripted: Scripted) -> None:
    live(scripted, "s-1", fleet="a")
    live(scripted, "s-2", fleet="b")
    run(scripted, lambda send: accept(send) if send.fleet == "b" else failed("unreachable"), until=1025)
    assert [at for at, send in scripted.sent if send.fleet == "b"] == [1010, 1020]


def test_after_a_success_the_first_delay_is_short_again(scripted: Scripted) -> None:
    live(scripted)
    failing = {1010.0}

    def serve(send: Send) -> Reply:
        if scripted.now in failing:
            return failed("unreachable")
        return accept(send)

    run(scripted, serve, until=1025)
    assert [round(at, 2) for at, _ in scripted.sent] == [1010, 1010.05, 1020.05]
    scripted.sent.clear()
    failing.add(1030.05)
    run(scripted, serve, until=1035)
    assert [round(at, 2) for at, _ in scripted.sent] == [1030.05, 1030.1]


# Losses


@each("reply", [outcomes(ENDED), failed("timeout")])
def test_one_that_ended_during_its_renewal_is_not_told_that_it_is_lost_or_renewed_again(reply: Reply) -> None:
    scripted = Scripted()
    session = live(scripted)

    def serve(send: Send) -> Reply:
        if ids(send, "renew"):
            scripted.leases.end(session)
            return reply
        return accept(send)

    run(scripted, serve, until=1100)
    assert session.lost is None
    assert [list(send.body["operations"][0]) for _, send in scripted.sent] == [["renew"], ["complete"]]


@each(("outcome", "reason"), [(ENDED, "failed"), (UNKNOWN, "unknown")])
def test_a_lost_session_is_told_with_the_reason_and_renewed_no_more(outcome: tuple[int, str], reason: str) -> None:
    scripted, told = Scripted(), list[str]()
    session = live(scripted)
    session.on_lost = told.append

    def serve(send: Send) -> Reply:
        if ids(send, "renew"):
            return outcomes(outcome)
        body = {"reason": "failed"} if outcome == ENDED else {"code": "unknown_session"}
        return Reply(200, "", {"outcomes": [{"status": 200, "body": body}]})

    run(scripted, serve, until=1100)
    assert (told, session.lost) == ([reason], reason)
    assert len([send for _, send in scripted.sent if ids(send, "renew")]) == 1


def test_a_loss_whose_reason_is_not_answered_is_told_all_the_same(scripted: Scripted) -> None:
    session, told = live(scripted), list[str]()
    session.on_lost = told.append
    run(scripted, lambda send: outcomes(ENDED) if ids(send, "renew") else failed("timeout"), until=1100)
    assert (session.lost, told) == ("expired", ["expired"])


def test_a_lost_session_is_not_ended_at_the_end_of_its_block(scripted: Scripted) -> None:
    session = live(scripted)
    run(scripted, lambda _: outcomes(UNKNOWN), until=1020)
    sent = len(scripted.sent)
    scripted.leases.end(session)
    run(scripted, accept, until=1100)
    assert len(scripted.sent) == sent


# Ends


def test_an_ended_session_is_completed_at_once_and_not_renewed_any_more(scripted: Scripted) -> None:
    scripted.leases.end(live(scripted))
    run(scripted, accept, until=1100)
    assert [(at, send.body) for at, send in scripted.sent] == [
        (1000, {"operations": [{"complete": {"session_id": "s-1"}}]})
    ]


@each("reply", [failed("timeout"), refused("rate_limited", 429), outcomes((503, "outcome_unknown"))])
def test_an_end_is_repeated_until_the_lease_is_over_and_60_s_more(reply: Reply) -> None:
    scripted = Scripted()
    scripted.leases.end(live(scripted, lease=30))
    run(scripted, lambda _: reply, until=1100)
    times = [at for at, _ in scripted.sent]
    assert len(times) > 5
    assert 1087 < max(times) < 1090


def dropped() -> float:
    return REGISTRY.get_sample_value("slta_client_dropped_completes_total") or 0.0


@each(("outcome", "is_dropped"), [((200, ""), False), (UNKNOWN, False), ((403, "insufficient_scope"), True)])
def test_an_end_that_is_answered_is_not_repeated(outcome: tuple[int, str], is_dropped: bool) -> None:
    scripted = Scripted()
    scripted.leases.end(live(scripted))
    before = dropped()
    run(scripted, lambda _: outcomes(outcome), until=1100)
    assert (len(scripted.sent), dropped() - before) == (1, is_dropped)


def test_a_bulk_reply_of_another_length_is_none(scripted: Scripted) -> None:
    scripted.leases.end(live(scripted))
    first = iter([outcomes()])
    run(scripted, lambda send: next(first, accept(send)), until=1100)
    assert len(scripted.sent) == 2


# The end of the client


def test_closing_ends_all_sessions_and_stops(scripted: Scripted) -> None:
    live(scripted, "s-1")
    live(scripted, "s-2")
    scripted.leases.close(scripted.now + 5)
    run(scripted, accept)
    assert [ids(send, "complete") for _, send in scripted.sent] == [["s-1", "s-2"]]
    assert scripted.now == 1000


def test_closing_waits_for_placements_under_way(scripted: Scripted) -> None:
    scripted.leases.placing = 1
    scripted.leases.close(scripted.now + 5)
    run(scripted, accept)
    assert scripted.now == 1005


def test_closing_stops_at_its_deadline() -> None:
    scripted = Scripted(timeout=10)
    live(scripted)
    scripted.leases.close(scripted.now + 5)
    run(scripted, silent(scripted))
    assert scripted.now == 1005
