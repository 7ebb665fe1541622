"""What was acknowledged lately, so that it can be put back into a store that has lost it."""

from __future__ import annotations

import marshal
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any, NamedTuple

from service.store.waiting import Words

KEPT_SECONDS = 10.0
"""Before the newest acknowledgement of a fleet."""
FORGOTTEN_SECONDS = 60.0
"""After which nothing is kept, however quiet it was since."""

Outcome = Sequence[Any]
"""The reply of one operation."""


class Call(NamedTuple):
    """What one call ran: `said` are its operations and their outcomes, packed.

    Ten seconds of them unpacked, at 16,000 operations a second, are a million objects: a collection of garbage that
    looked at them took 14 ms, and memory that no cache of the processor holds cost an operation 4 µs.
    """

    at: float
    said: bytes


def _adopt(operation: Words, outcome: Outcome) -> Words:
    return ("adopt", operation[1], outcome[1], outcome[-1], "")


def _restore(operation: Words, outcome: Outcome) -> Words:
    _, pool_id, _, lease, start, *_ = outcome
    return ("restore", operation[1], pool_id, lease, start)


def _at_any_time(operation: Words, _: Outcome) -> Words:
    return (*operation[:4], "")


def _again(operation: Words, _: Outcome) -> Words:
    return operation


PUT_BACK: Mapping[tuple[str, str], Callable[[Words, Outcome], Words]] = {
    ("assign", "ASSIGNED"): _adopt,
    ("assign", "REPLAYED"): _adopt,
    ("adopt", "ADOPTED"): _at_any_time,
    ("report", "NEW"): _restore,
    ("report", "SAME"): _restore,
    ("report", "MOVED"): _restore,
    ("restore", "ADOPTED"): _again,
    ("restore", "RESTORED"): _again,
    ("renew", "RENEWED"): _again,
    ("complete", "COMPLETED"): _again,
    ("complete", "ENDED"): _again,
    ("complete", "UNKNOWN"): _again,
    ("end", "ENDED_NOW"): _at_any_time,
}
"""By operation and outcome, the operation that brings about the same once more.

A complete of an unknown session is remembered, so that a late assign of it is refused; and while two servers were
masters, the other one may have had the session."""
ENDING = frozenset({"complete", "end"})


class Acknowledged:
    """The last calls of each fleet. O(1) a call; what they say is read only when it is needed."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """`clock` in seconds."""
        self._clock = clock
        self._calls: dict[str, deque[Call]] = {}

    def note(self, fleet: str, operations: Sequence[Words], outcomes: Sequence[Outcome]) -> None:
        """A call has run, and its outcomes are told."""
        now = self._clock()
        calls = self._calls.setdefault(fleet, deque())
        words_and_numbers: Any = (operations, outcomes)
        calls.append(Call(now, marshal.dumps(words_and_numbers)))
        while calls[0].at < now - KEPT_SECONDS:
            calls.popleft()

    def keep(self, fleets: Iterable[str]) -> None:
        """Forget other fleets, and what is too old to be missed."""
        names, oldest = set(fleets), self._clock() - FORGOTTEN_SECONDS
        self._calls = {name: calls for name, calls in self._calls.items() if name in names and calls[-1].at >= oldest}

    def put_back(self, fleet: str) -> list[Words]:
        """The operations that bring about what was acknowledged, in that order; of ended sessions their end alone."""
        found: dict[tuple[str, str], Words] = {}
        for call in self._calls.get(fleet, ()):
            operations, outcomes = marshal.loads(call.said)  # noqa: S302 - nobody else has had these bytes
            for operation, outcome in zip(operations, outcomes, strict=True):
                again = PUT_BACK.get((operation[0], outcome[0]))
                if again:
                    _add(found, again(operation, outcome))
        return list(found.values())


def _add(found: dict[tuple[str, str], Words], operation: Words) -> None:
    kind, session_id = operation[0], operation[1]
    if kind in ENDING:
        for other in ("adopt", "restore", "renew"):
            found.pop((other, session_id), None)
    elif kind == "restore":
        found.pop(("adopt", session_id), None)  # it has left that pool
    found.pop((kind, session_id), None)
    found[kind, session_id] = operation
