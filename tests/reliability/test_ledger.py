"""What the answers said, against what the store holds: each fate of a session is told apart."""

from __future__ import annotations

from typing import Any

import pytest

from lab.faults.ledger import Ledger, Session, completed, judge, placed
from slta_client.replies import Reply

NO_ANSWER = Reply(0, "timeout", {})
UNKNOWN = Reply(404, "unknown_session", {})
FULL = Reply(429, "no_capacity", {})


def on(pool: str, *, replayed: bool = False) -> Reply:
    return Reply(200 if replayed else 201, "replayed" if replayed else "placed", {"pool_id": pool})


def ended(reason: str | None = None) -> Reply:
    body: dict[str, Any] = {"outcome": "already_ended", "reason": reason} if reason else {"outcome": "completed"}
    return Reply(200, body["outcome"], body)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def session(ledger: Ledger) -> Session:
    return ledger.open("s")


def counts(ledger: Ledger, live: dict[str, str]) -> dict[str, int]:
    """The counts that are not 0, but how many were acknowledged."""
    verdict = judge(ledger, live)
    names = ("refused", "unknown", "lost", "doubled", "leaked", "back")
    return {name: getattr(verdict, name) for name in names if getattr(verdict, name)}


def test_a_session_that_lives_where_it_was_placed_is_well(ledger: Ledger, session: Session) -> None:
    placed(session, on("p"), known="")
    placed(session, on("p", replayed=True), known="p")
    assert counts(ledger, {"s": "p"}) == {}
    assert judge(ledger, {"s": "p"}).acknowledged == 1


@pytest.mark.parametrize("live", [{}, {"s": "q"}])
def test_one_that_was_placed_and_is_not_there_is_lost(ledger: Ledger, session: Session, live: dict[str, str]) -> None:
    placed(session, on("p"), known="")
    assert counts(ledger, live) == {"lost": 1}


def test_one_whose_complete_nobody_understands_is_lost(ledger: Ledger, session: Session) -> None:
    placed(session, on("p"), known="")
    completed(session, UNKNOWN)
    assert counts(ledger, {}) == {"lost": 1}
    assert counts(ledger, {"s": "p"}) == {"lost": 1, "leaked": 1}, "its client was told that it is gone"


@pytest.mark.parametrize("again", [on("p"), on("q"), on("q", replayed=True)])
def test_one_that_a_later_assign_placed_anew_is_lost(ledger: Ledger, session: Session, again: Reply) -> None:
    placed(session, on("p"), known="")
    placed(session, again, known="p")
    assert counts(ledger, {"s": again.body["pool_id"]}) == {"lost": 1}


def test_two_pools_for_two_calls_at_once_are_one_session_doubled(ledger: Ledger, session: Session) -> None:
    placed(session, on("p"), known="")
    placed(session, on("q"), known="")
    assert counts(ledger, {"s": "q"}) == {"doubled": 1}


def test_a_completed_session_that_lives_is_back(ledger: Ledger, session: Session) -> None:
    placed(session, on("p"), known="")
    completed(session, ended())
    assert counts(ledger, {}) == {}
    assert counts(ledger, {"s": "p"}) == {"back": 1}


def test_a_complete_that_was_answered_twice_is_no_loss_and_an_end_by_others_is(ledger: Ledger) -> None:
    for reason in ("completed", "reported_ended"):
        session = ledger.open(reason)
        placed(session, on("p"), known="")
        completed(session, ended(reason))
    assert counts(ledger, {}) == {"lost": 1}


def test_a_session_of_nobody_or_of_somebody_who_was_refused_is_leaked(ledger: Ledger, session: Session) -> None:
    placed(session, FULL, known="")
    assert counts(ledger, {}) == {"refused": 1}
    assert counts(ledger, {"s": "p", "stranger": "p"}) == {"refused": 1, "leaked": 2}


def test_who_never_heard_is_not_asked_to_know(ledger: Ledger, session: Session) -> None:
    placed(session, NO_ANSWER, known="")
    assert counts(ledger, {}) == counts(ledger, {"s": "p"}) == {"unknown": 1}
    other = ledger.open("other")
    placed(other, on("p"), known="")
    completed(other, NO_ANSWER)
    assert counts(ledger, {}) == counts(ledger, {"other": "p"}) == {"unknown": 2}


def test_an_unanswered_later_question_makes_no_acknowledged_session_unknown(ledger: Ledger, session: Session) -> None:
    placed(session, on("p"), known="")
    placed(session, NO_ANSWER, known="p")
    assert counts(ledger, {}) == {"lost": 1}


def test_the_longest_silence_is_between_successes_and_counts_both_ends(ledger: Ledger) -> None:
    for reply, moment in ((on("p"), 1.0), (NO_ANSWER, 3.0), (on("p"), 5.0)):
        ledger.heard(reply, moment)
    assert ledger.longest_silence(0, 6) == 4
    assert ledger.longest_silence(0, 20) == 15
    assert ledger.codes == {"timeout": 1}
