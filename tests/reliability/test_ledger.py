"""What the answers said, against what the store holds: each fate of a session is told apart."""

from __future__ import annotations

from typing import Any

import pytest

from lab.faults.ledger import Ledger, completed, judge, placed
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


def counts(ledger: Ledger, live: dict[str, str]) -> dict[str, int]:
    """The counts that are not 0, but how many were acknowledged."""
    verdict = judge(ledger, live)
    names = ("refused", "unknown", "lost", "doubled", "leaked", "back")
    return {name: getattr(verdict, name) for name in names if getattr(verdict, name)}


PLACED = (on("p"), "")
LOST = {"lost": 1}


@pytest.mark.parametrize(
    ("replies", "live", "expected"),
    [
        ([PLACED, (on("p", replayed=True), "p")], {"s": "p"}, {}),
        ([PLACED], {}, LOST),
        ([PLACED], {"s": "q"}, LOST),
        ([PLACED, (UNKNOWN, None)], {}, LOST),
        ([PLACED, (UNKNOWN, None)], {"s": "p"}, {"lost": 1, "leaked": 1}),  # its client was told that it is gone
        ([PLACED, (on("p"), "p")], {"s": "p"}, LOST),
        ([PLACED, (on("q"), "p")], {"s": "q"}, LOST),
        ([PLACED, (on("q", replayed=True), "p")], {"s": "q"}, LOST),
        ([PLACED, (NO_ANSWER, "p")], {}, LOST),
        ([PLACED, (on("q"), "")], {"s": "q"}, {"doubled": 1}),  # two calls at once
        ([PLACED, (ended(), None)], {}, {}),
        ([PLACED, (ended(), None)], {"s": "p"}, {"back": 1}),
        ([(FULL, "")], {}, {"refused": 1}),
        ([(FULL, "")], {"s": "p", "stranger": "p"}, {"refused": 1, "leaked": 2}),
        *(([(NO_ANSWER, "")], live, {"unknown": 1}) for live in ({}, {"s": "p"})),
        *(([PLACED, (NO_ANSWER, None)], live, {"unknown": 1}) for live in ({}, {"s": "p"})),
    ],
)
def test_what_became_of_a_session(
    ledger: Ledger, replies: list[tuple[Reply, str | None]], live: dict[str, str], expected: dict[str, int]
) -> None:
    """By the replies to its assigns, with the pool that was known, and to its completes, with None."""
    session = ledger.open("s")
    for reply, known in replies:
        if known is None:
            completed(session, reply)
        else:
            placed(session, reply, known=known)
    assert counts(ledger, live) == expected
    assert judge(ledger, live).acknowledged == (replies[0] == PLACED)


def test_a_complete_that_was_answered_twice_is_no_loss_and_an_end_by_others_is(ledger: Ledger) -> None:
    for reason in ("completed", "reported_ended"):
        session = ledger.open(reason)
        placed(session, on("p"), known="")
        completed(session, ended(reason))
    assert counts(ledger, {}) == {"lost": 1}


def test_the_longest_silence_is_between_successes_and_counts_both_ends(ledger: Ledger) -> None:
    for reply, moment in ((on("p"), 1.0), (NO_ANSWER, 3.0), (on("p"), 5.0)):
        ledger.heard(reply, moment)
    assert ledger.longest_silence(0, 6) == 4
    assert ledger.longest_silence(0, 20) == 15
    assert ledger.codes == {"timeout": 1}
