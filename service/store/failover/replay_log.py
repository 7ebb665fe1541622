"""Replay log: the acknowledged calls of the last seconds, as facts that `lua/replay.lua` can make true again."""

from __future__ import annotations

import asyncio
import marshal
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any, NamedTuple

from service.store.failover.rollback_detection import History, Stamp

KEPT_SECONDS = 10.0
"""Before the newest call of a fleet."""
FORGOTTEN_SECONDS = 60.0
"""After which nothing is kept, however quiet the fleet was since."""

Operation = Sequence[Any]
"""Kind, session id and arguments, as `lua/library.lua` takes them."""
Outcome = Sequence[Any]
"""The reply of one operation."""
Fact = tuple[str, str, Any, Any, Any, Any]
"""`placed`, session id, pool id, lease in µs, start and due second; or `ended`, session id, pool id, reason and two
empty words. Without a reason the session was not known when its complete came."""


class Call(NamedTuple):
    """One acknowledged call: when, the stamp of its reply, and its operations and outcomes, packed.

    Ten seconds of them unpacked, at 16,000 operations a second, are a million objects: a collection of garbage that
    looked at them took 14 ms, and memory that no cache of the processor holds cost an operation 4 µs.
    """

    at: float
    stamp: Stamp
    packed: bytes


FACTS = frozenset({"placed", "ended"})
PLACED = frozenset({"ASSIGNED", "REPLAYED", "ADOPTED", "RENEWED", "NEW", "SAME", "MOVED"})
"""Outcomes that say where a session is: `sessions.tell` in Lua."""
ENDED: Mapping[tuple[str, str], Callable[[Sequence[Any], Outcome], tuple[str, str]]] = {
    ("complete", "COMPLETED"): lambda _, outcome: (outcome[1], "completed"),
    ("complete", "ENDED"): lambda _, outcome: (outcome[2], outcome[1]),
    ("complete", "UNKNOWN"): lambda *_: ("", ""),
    ("end", "ENDED_NOW"): lambda arguments, _: (arguments[0], arguments[1]),
}
"""By operation and outcome, the pool on which the session ended and the reason, from arguments and outcome."""


def fact_of(operation: Operation, outcome: Outcome) -> Fact | None:
    """What the outcome tells of the session; None for nothing that could be lost."""
    kind, session_id, *arguments = operation
    if kind in FACTS:
        return (kind, session_id, *arguments)
    if outcome[0] in PLACED:
        return ("placed", session_id, outcome[1], *outcome[3:6])
    end = ENDED.get((kind, outcome[0]))
    return ("ended", session_id, *end(arguments, outcome), "", "") if end else None


class ReplayLog:
    """The last acknowledged calls of each fleet. O(1) a call; what they carried is read only when it is needed."""

    def __init__(self) -> None:
        self._calls: dict[str, deque[Call]] = {}

    def record(self, fleet: str, stamp: Stamp, operations: Sequence[Operation], outcomes: Sequence[Outcome]) -> None:
        """A call was acknowledged."""
        now = monotonic()
        calls = self._calls.setdefault(fleet, deque())
        packed: Any = (operations, outcomes)
        calls.append(Call(now, stamp, marshal.dumps(packed)))
        while calls[0].at < now - KEPT_SECONDS:
            calls.popleft()

    def keep(self, fleets: Iterable[str]) -> None:
        """Forget other fleets, and what is too old to be missed."""
        names, oldest = set(fleets), monotonic() - FORGOTTEN_SECONDS
        self._calls = {
            name: calls for name, calls in self._calls.items() if name in names and calls and calls[-1].at >= oldest
        }

    def missing(self, fleet: str, history: History) -> list[Call]:
        """The calls that a store with this history has lost, or may have."""
        return [call for call in self._calls.get(fleet, ()) if history.fate(call.stamp) in ("lost", "unknown")]

    def forget(self, fleet: str, calls: Iterable[Call]) -> None:
        """Drop calls that were replayed: the replay is a call of its own."""
        gone = set(map(id, calls))
        self._calls[fleet] = deque(call for call in self._calls.get(fleet, ()) if id(call) not in gone)


async def facts_of(calls: Iterable[Call]) -> list[Fact]:
    """The last fact of each session; an end is final. The event loop has its turn after each call."""
    found: dict[str, Fact] = {}
    for call in calls:
        operations, outcomes = marshal.loads(call.packed)  # noqa: S302 - nobody else has had these bytes
        for operation, outcome in zip(operations, outcomes, strict=True):
            fact = fact_of(operation, outcome)
            if fact and not (fact[0] == "placed" and fact[1] in found and found[fact[1]][0] == "ended"):
                found[fact[1]] = fact
        await asyncio.sleep(0)
    return list(found.values())
