"""The placement of one session, without I/O: retries, deadline, budget, fleets in order, what it leaves to end."""

from __future__ import annotations

import random

import pytest

from slta_client import session as errors
from slta_client.breaker import RetryBudget
from slta_client.calls import Send
from slta_client.keeping import keep
from slta_client.placing import place
from slta_client.replies import Reply, failed
from slta_client.rules import delay_seconds, rule_of
from tests.client.scripted import RULES, Scripted, ends, placed, pools, refused, replies, wanted
from tests.inventory import each

UNKNOWN = refused("unknown_session", 404)


# Retries


@each("code", sorted(code for code, rule in RULES.items() if rule.soon))
def test_a_hiccup_is_repeated_with_the_same_id_after_50_ms_whatever_retry_after_says(code: str) -> None:
    scripted = Scripted()
    scripted.run(place(scripted, wanted()), replies(refused(code, retry_after=1), placed()))
    assert scripted.waits == [0.05]
    assert [send.body["session_id"] for _, send in scripted.sent] == ["s-1", "s-1"]


@each("body", [{"x": 1}, {"pool_id": 3}, {"pool_id": "c-1", "lease_seconds": "x"}])
def test_a_success_that_is_no_placement_is_repeated_and_its_session_ended(body: dict[str, object]) -> None:
    scripted = Scripted()
    with pytest.raises(errors.UnavailableError, match="invalid_reply"):
        scripted.run(place(scripted, wanted()), lambda _: Reply(200, "", body))
    assert len(scripted.sent) > 1
    assert ends(scripted) == ["s-1"]


def test_a_second_retry_waits_for_retry_after() -> None:
    scripted = Scripted(timeout=10)
    hiccup = refused("store_unavailable", retry_after=1)
    scripted.run(place(scripted, wanted()), replies(hiccup, hiccup, placed()))
    first, second = scripted.waits
    assert first == 0.05
    assert 1 <= second <= 1.25


@each("code", ["rate_limited", "http_429"])
def test_overload_is_repeated_after_retry_after_only(code: str) -> None:
    scripted = Scripted(timeout=10)
    scripted.run(place(scripted, wanted()), replies(refused(code, 429, retry_after=2), placed()))
    assert 2 <= scripted.waits[0] <= 2.5


def test_it_asks_for_its_lease_and_begins_it_anew_with_each_attempt(scripted: Scripted) -> None:
    scripted.run(place(scripted, wanted()), replies("disconnected", placed()))
    body = {"session_id": "s-1", "touch": True, "lease_seconds": 30.0}
    assert [send.body for _, send in scripted.sent] == [body, body]


@each("status", (400, 401, 403, 404, 409, 413, 422))
def test_a_4xx_but_408_and_429_is_never_repeated(status: int) -> None:
    scripted = Scripted()
    with pytest.raises(errors.RefusedError):
        scripted.run(place(scripted, wanted()), replies(refused("new_code", status)))
    assert (scripted.waits, ends(scripted)) == ([], [])


def test_an_ended_id_is_not_repeated_and_says_why(scripted: Scripted) -> None:
    with pytest.raises(errors.SessionEndedError) as caught:
        scripted.run(place(scripted, wanted()), replies(refused("session_ended", 409, reason="failed")))
    assert (caught.value.reason, scripted.waits) == ("failed", [])


def test_a_connection_closed_before_the_request_is_repeated_at_once_and_without_the_budget(scripted: Scripted) -> None:
    closed = failed("disconnected", reused=True)
    session = scripted.run(place(scripted, wanted()), lambda _: placed() if len(scripted.sent) > 20 else closed)
    assert session is not None
    assert scripted.waits == []
    assert scripted.breaker.spend()


def test_no_retry_begins_after_the_deadline() -> None:
    scripted = Scripted(timeout=1)
    with pytest.raises(errors.UnavailableError):
        scripted.run(place(scripted, wanted()), replies(refused("overloaded", retry_after=1)))


def test_each_attempt_has_what_is_left_of_the_deadline() -> None:
    scripted = Scripted(timeout=1)

    def slow(send: Send) -> Reply:
        scripted.now += 0.3
        return placed() if len(scripted.sent) == 2 else failed("disconnected")

    scripted.run(place(scripted, wanted()), slow)
    assert [round(send.seconds, 2) for _, send in scripted.sent] == [1.0, 0.65]


def test_the_time_in_the_queue_puts_off_deadline_and_lease_and_ends_after_5_s() -> None:
    scripted = Scripted(timeout=1)

    def busy(_: Send) -> Reply:
        scripted.now += 3.2
        return placed(30)._replace(waited=0.5) if len(scripted.sent) == 2 else failed("unreachable")._replace(waited=3)

    session = scripted.run(place(scripted, wanted()), busy)
    limits = [(round(send.seconds, 2), round(send.patience, 2)) for _, send in scripted.sent]
    assert limits == [(1.0, 5.0), (0.75, 1.75)]
    assert session is not None
    assert session.lease_ends_at == pytest.approx(1000 + 3.25 + 0.5 + 30)


def test_the_budget_allows_three_retries_and_one_for_ten_first_tries() -> None:
    budget = RetryBudget()
    assert [budget.spend() for _ in range(4)] == [True, True, True, False]
    for _ in range(11):
        budget.earn()
    assert [budget.spend() for _ in range(2)] == [True, False]
    for _ in range(1000):
        budget.earn()
    assert [budget.spend() for _ in range(4)] == [True, True, True, False]


def test_each_placement_earns_a_tenth_of_a_retry(scripted: Scripted) -> None:
    while scripted.breaker.spend():
        pass
    for _ in range(11):
        scripted.run(place(scripted, wanted()), replies(placed()))
    assert scripted.breaker.spend()


def test_without_budget_nothing_is_repeated(scripted: Scripted) -> None:
    while scripted.breaker.spend():
        pass
    with pytest.raises(errors.UnavailableError):
        scripted.run(place(scripted, wanted()), replies("unreachable"))


def test_the_delay_without_retry_after_doubles_up_to_two_seconds() -> None:
    rng = random.Random(2)
    delays = [delay_seconds(failed("unreachable"), retry, rng) for retry in range(12)]
    bounds = [min(2, 0.05 * 2**retry) for retry in range(12)]
    assert [
        (delay, bound) for delay, bound in zip(delays, bounds, strict=True) if not bound / 2 <= delay <= bound
    ] == []


@each("status", (500, 502, 504, 599))
def test_an_unknown_5xx_may_have_been_applied(status: int) -> None:
    assert rule_of(refused(f"http_{status}", status)).in_doubt


# What is left to be ended


def test_a_definite_refusal_leaves_nothing_to_end(scripted: Scripted) -> None:
    with pytest.raises(errors.NoCapacityError):
        scripted.run(place(scripted, wanted()), replies(refused("no_capacity", retry_after=1)))
    assert ends(scripted) == []


def test_a_refusal_of_the_same_id_does_not_cancel_the_end_that_is_due(scripted: Scripted) -> None:
    with pytest.raises(errors.UnavailableError):
        scripted.run(place(scripted, wanted()), lambda _: failed("timeout"))
    with pytest.raises(errors.RefusedError):
        scripted.run(place(scripted, wanted()), replies(refused("unauthenticated", 401)))
    assert ends(scripted) == ["s-1"]


def test_a_placement_that_is_answered_after_the_client_was_closed_is_ended(scripted: Scripted) -> None:

    def closing(_: Send) -> Reply:
        scripted.leases.close(scripted.now + 5)
        return placed()

    with pytest.raises(RuntimeError, match="closed"):
        scripted.run(place(scripted, wanted()), closing)
    assert ends(scripted) == ["s-1"]


def test_the_same_id_placed_again_is_not_ended_by_the_earlier_attempt(scripted: Scripted) -> None:
    with pytest.raises(errors.UnavailableError):
        scripted.run(place(scripted, wanted()), lambda _: failed("timeout"))
    scripted.run(place(scripted, wanted()), replies(placed()))
    assert ends(scripted) == []


@pytest.mark.parametrize("reply", [placed(), failed("unreachable")])
def test_an_end_under_way_is_not_repeated_once_the_same_id_is_placed_again(reply: Reply) -> None:
    scripted = Scripted(pools())
    scripted.leases.abandon("a", "s-1", scripted.now + 30)
    ended: list[str] = []

    def serve(send: Send) -> Reply:
        operations = send.body["operations"] if send.body else []
        under_way = [one["complete"]["session_id"] for one in operations if "complete" in one]
        ended.extend(under_way)
        if under_way:
            scripted.run(place(scripted, wanted()), lambda _: reply)
        return failed("timeout")

    scripted.run(keep(scripted), serve, until=scripted.now + 5)
    assert ended == ["s-1"]
    assert scripted.leases.live_in("a") == 1


# Capacity


def test_it_asks_for_capacity_again_until_the_wait_is_over(scripted: Scripted) -> None:
    with pytest.raises(errors.NoCapacityError):
        scripted.run(place(scripted, wanted(wait=5)), lambda _: refused("no_capacity", retry_after=1))
    assert sum(scripted.waits) == pytest.approx(5)
    assert len(scripted.sent) == len(scripted.waits) + 1


# Several fleets


@each("code", sorted(code for code, rule in RULES.items() if rule.next_fleet))
def test_the_next_fleet_is_asked_after_a_definite_refusal(code: str) -> None:
    scripted = Scripted()
    session = scripted.run(
        place(scripted, wanted("a", "b")), lambda send: placed() if send.fleet == "b" else refused(code)
    )
    assert session is not None
    assert (session.fleet, scripted.calls[-1]) == ("b", ("b", "assign"))


@each("code", sorted(code for code, rule in RULES.items() if not rule.next_fleet))
def test_the_next_fleet_is_not_asked_after_anything_else(code: str) -> None:
    scripted = Scripted()
    with pytest.raises(errors.PlacementError):
        scripted.run(place(scripted, wanted("a", "b")), lambda _: refused(code))
    assert {fleet for fleet, _ in scripted.calls} == {"a"}


def test_a_doubtful_fleet_has_ended_the_id_before_the_next_one_is_asked(scripted: Scripted) -> None:
    full = refused("no_capacity")
    scripted.run(place(scripted, wanted("a", "b")), replies("disconnected", full, UNKNOWN, placed()))
    assert scripted.calls == [("a", "assign"), ("a", "assign"), ("a", "complete"), ("b", "assign")]
    assert ends(scripted) == []


def test_while_a_doubtful_fleet_does_not_confirm_the_end_no_other_is_asked(scripted: Scripted) -> None:
    served = replies("disconnected", refused("no_capacity"), "timeout", "timeout", "timeout")
    with pytest.raises(errors.UnavailableError) as caught:
        scripted.run(place(scripted, wanted("a", "b")), served)
    assert caught.value.code == "outcome_unknown"
    assert {fleet for fleet, _ in scripted.calls} == {"a"}
    assert ends(scripted) == ["s-1"]


def test_all_fleets_are_asked_again_while_waiting_for_capacity(scripted: Scripted) -> None:
    full = refused("no_capacity", retry_after=1)
    scripted.run(place(scripted, wanted("a", "b", wait=2)), replies(full, full, placed()))
    assert scripted.calls == [("a", "assign"), ("b", "assign"), ("a", "assign")]


def test_the_lease_counts_from_when_the_answered_attempt_was_sent(scripted: Scripted) -> None:

    def slow(_: Send) -> Reply:
        scripted.now += 0.2
        return placed(30)

    session = scripted.run(place(scripted, wanted()), slow)
    assert session is not None
    assert (session.lease_ends_at, session.due_at) == (1030.0, 1010.0)
