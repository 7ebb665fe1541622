"""The fallback, without I/O: what it places, and how long that takes."""

from __future__ import annotations

from asyncio import CancelledError

import pytest

from slta_client import session as errors
from slta_client.calls import Send
from slta_client.replies import Reply, failed
from tests.client.scripted import RULES, Scripted, ends, opened, placed, pools, put, refused, replies, silent, wanted
from tests.inventory import each

ANSWERS = {"no_capacity", "no_active_pool", "rate_limited", "session_ended", "unknown_fleet", "fleet_observes"}
ANSWERS |= {"unknown_session_type", "low_priority"}
AWAY = [code for code, rule in RULES.items() if rule.away]


# Placements


@each("code", AWAY)
def test_what_slta_does_not_answer_is_placed_by_the_fallback(code: str) -> None:
    scripted = Scripted(pools())
    session = put(scripted, lambda _: refused(code))
    assert (session.placed_by, session.id, session.fleet, session.pool_class) == ("fallback", "s-1", "a", "c")
    assert session.address == f"{session.pool_id}:80"
    assert scripted.leases.unreported() == [session]


@each("code", [*sorted(ANSWERS), "unauthenticated", "another_429"])
def test_an_answer_of_slta_is_not_replaced(code: str) -> None:
    scripted = Scripted(pools())
    with pytest.raises(errors.PlacementError):
        put(scripted, lambda _: refused(code, 429))
    assert scripted.leases.unreported() == []


def test_what_slta_places_is_not_the_fallbacks(scripted: Scripted) -> None:
    scripted.falls_back(pools())
    assert put(scripted, replies("disconnected", placed())).placed_by == "slta"


def test_while_slta_is_silent_a_placement_takes_the_timeout_until_the_breaker_opens() -> None:
    scripted = Scripted(pools(), pools("b"), fleets=("a", "b"), timeout=1)
    took = []
    for number in range(10):
        before = scripted.now
        put(scripted, silent(scripted), wanted("a", "b", session_id=f"s-{number}"))
        took.append(scripted.now - before)
    assert took == [1.0] * 5 + [0.0] * 5


@each("codes", [("store_unavailable", "timeout"), ("disconnected", "overloaded"), ("unreachable", "recovering")])
def test_several_fleets_and_attempts_take_one_timeout_together(codes: tuple[str, str]) -> None:
    scripted = Scripted(pools(), pools("b"), fleets=("a", "b"), timeout=1)
    answers = iter(codes)

    def slow(send: Send) -> Reply:
        scripted.now += min(send.seconds, 0.45)
        return refused(next(answers, "store_unavailable"))

    put(scripted, slow, wanted("a", "b"))
    assert scripted.now <= 1001.0


def test_a_placement_that_was_not_sent_is_no_failure_of_slta(scripted: Scripted) -> None:
    scripted.falls_back(pools(capacity=100))
    found = [put(scripted, lambda _: failed("busy"), wanted(session_id=f"s-{number}")) for number in range(10)]
    assert ({one.placed_by for one in found}, scripted.breaker.is_closed, ends(scripted)) == ({"fallback"}, True, [])


def test_a_fleet_that_no_time_is_left_for_is_not_asked() -> None:
    scripted = Scripted(pools(), fleets=("a", "b"), timeout=1)

    def slow(_: Send) -> Reply:
        scripted.now += 1
        return refused("store_unavailable")

    assert put(scripted, slow, wanted("a", "b")).fleet == "a"
    assert scripted.calls == [("a", "assign")]


def test_a_probe_that_is_answered_places_by_slta_again(scripted: Scripted) -> None:
    scripted.falls_back(pools())
    opened(scripted)
    assert put(scripted, lambda _: placed()).placed_by == "fallback"
    scripted.now += 1
    assert [put(scripted, lambda _: placed(), wanted(session_id=name)).placed_by for name in "xy"] == ["slta"] * 2


def test_a_refusal_is_an_answer_that_closes_the_breaker(scripted: Scripted) -> None:
    scripted.falls_back(pools())
    opened(scripted)
    scripted.now += 1
    with pytest.raises(errors.NoCapacityError):
        put(scripted, lambda _: refused("no_capacity"))
    assert scripted.breaker.is_closed


def test_a_cancelled_probe_makes_room_for_the_next(scripted: Scripted) -> None:
    scripted.falls_back(pools())
    opened(scripted)
    scripted.now += 1

    def cancelled(_: Send) -> Reply:
        assert put(scripted, lambda _: placed()).placed_by == "fallback"
        raise CancelledError

    with pytest.raises(CancelledError):
        put(scripted, cancelled, wanted(session_id="cancelled"))
    assert put(scripted, lambda _: placed(), wanted(session_id="s-2")).placed_by == "slta"


@each("full", [(), (10, 10)])
def test_without_endpoints_or_room_the_error_is_that_of_slta(full: tuple[int, ...]) -> None:
    scripted = Scripted()
    scripted.falls_back(*([pools(occupancies=full)] if full else []))
    opened(scripted)
    with pytest.raises(errors.UnavailableError, match="timeout" if full else "unreachable"):
        put(scripted, lambda _: failed("unreachable"))
    assert bool(scripted.sent) == (not full)


@each("session_id", ["", "a b", "..", "x" * 129, "ä", "s\n"])
def test_an_id_that_slta_would_refuse_is_not_placed(session_id: str) -> None:
    """Its report would be refused together with all others of the call."""
    scripted = Scripted(pools())
    with pytest.raises(errors.UnavailableError):
        put(scripted, lambda _: failed("unreachable"), wanted(session_id=session_id))


def test_own_sessions_are_spread_and_fill_the_pools(scripted: Scripted) -> None:
    scripted.falls_back(pools(capacity=3, occupancies=(1, 2, 0)))
    opened(scripted)
    for number in range(6):
        put(scripted, replies(), wanted(session_id=f"s-{number}"))
    assert scripted.fallback.changes("a") == {"p-0": 2, "p-1": 1, "p-2": 3}
    with pytest.raises(errors.UnavailableError):
        put(scripted, replies(), wanted(session_id="s-7"))


def test_a_client_with_few_of_the_sessions_takes_the_others_for_clients_that_choose_as_it_does() -> None:
    scripted = Scripted(pools(capacity=100, occupancies=(10, 15)))
    opened(scripted)
    taken = [put(scripted, replies(), wanted(session_id=f"s-{number}")).pool_id for number in range(2)]
    assert taken == ["p-0", "p-1"]


# Several fleets


def test_the_first_fleet_with_room_that_is_away_gets_the_session(scripted: Scripted) -> None:
    scripted.falls_back(pools("a", occupancies=(10,)), pools("b"), pools("c"), fleets=("a", "b", "c"))
    assert put(scripted, lambda _: failed("unreachable"), wanted("a", "b", "c")).fleet == "b"


def test_while_the_breaker_is_open_the_next_fleet_gets_what_the_first_has_no_room_for(scripted: Scripted) -> None:
    scripted.falls_back(pools("a", occupancies=(10,)), pools("b"), fleets=("a", "b"))
    opened(scripted)
    assert put(scripted, replies(), wanted("a", "b")).fleet == "b"


def test_a_fleet_that_answered_gets_nothing_by_the_fallback(scripted: Scripted) -> None:
    scripted.falls_back(pools("a"), pools("b"), fleets=("a", "b"))
    answers = {"a": refused("no_capacity"), "b": refused("store_unavailable")}
    assert put(scripted, lambda send: answers[send.fleet], wanted("a", "b")).fleet == "b"


def test_after_a_doubtful_attempt_only_its_fleet_gets_the_session(scripted: Scripted) -> None:
    scripted.falls_back(pools("a"), pools("b"), fleets=("a", "b"))
    answers = {"a": refused("store_unavailable"), "b": failed("timeout")}
    session = put(scripted, lambda send: answers[send.fleet], wanted("a", "b"))
    assert (session.fleet, session.in_doubt, ends(scripted)) == ("b", True, [])


def test_a_doubtful_fleet_without_endpoints_leaves_the_error_and_the_end(scripted: Scripted) -> None:
    scripted.falls_back(pools("a"), fleets=("a", "b"))
    answers = {"a": refused("store_unavailable"), "b": failed("timeout")}
    with pytest.raises(errors.UnavailableError, match="timeout"):
        put(scripted, lambda send: answers[send.fleet], wanted("a", "b"))
    assert ends(scripted) == ["s-1"]


def test_a_doubtful_attempt_that_is_refused_then_asks_for_no_end_and_keeps_the_id(scripted: Scripted) -> None:
    scripted.falls_back(pools())
    session = put(scripted, replies("disconnected", refused("overloaded", retry_after=1)))
    assert (session.placed_by, session.in_doubt) == ("fallback", True)
    assert scripted.calls == [("a", "assign")] * 2
    assert ends(scripted) == []
