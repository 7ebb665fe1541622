"""Replay log: acknowledged calls of the last seconds, as facts that `lua/replay.lua` can restore."""

from __future__ import annotations

import asyncio
import marshal
from collections import deque
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any, NamedTuple

from slta.core.session_types import DEFAULT_TYPE
from slta.store.failover.rollback_detection import History, Stamp
from slta.store.operations import FACTS, OPERATIONS
from slta.store.outcomes import RESULTS
from slta.store.replies import split_type

KEPT_SECONDS = 10.0
"""Retention of a fleet's calls, counted from its newest."""
MAX_IDLE_SECONDS = 60.0
"""Time without a call after which a fleet's log is dropped."""

Operation = Sequence[Any]
"""Kind, session id and arguments, as `lua/library.lua` takes them."""
Outcome = Sequence[Any]
"""The reply of one operation."""
Fact = tuple[str, str, Any, Any, Any, Any]
"""`placed`, session id, pool id (a blank, and the type unless it is the default one), lease in µs, start and due
second; or `ended`, session id, pool id, reason and two
empty strings. The reason is empty if the session was unknown when it was completed."""


class Call(NamedTuple):
    """Acknowledged call: time, stamp of the reply, and the serialized operations and outcomes.

    As objects, ten seconds of calls at 16,000 operations per second would be a million: a garbage collection then took
    14 ms, and cache misses cost 4 µs per operation.
    """

    at: float
    stamp: Stamp
    payload: bytes


PLACED = frozenset(RESULTS["placement"].split())


def fact_of(operation: Operation, outcome: Outcome) -> Fact | None:
    """The fact that an operation established; None if there is nothing to lose."""
    kind, session_id, *arguments = operation
    if kind in FACTS:
        return (kind, session_id, *arguments)
    if outcome[0] in PLACED:
        _, session_type = split_type(outcome[2])
        where = outcome[1] if session_type == DEFAULT_TYPE else f"{outcome[1]} {session_type}"
        return ("placed", session_id, where, *outcome[3:6])
    end = OPERATIONS[kind].ends.get(outcome[0]) if kind in OPERATIONS else None
    return ("ended", session_id, *end(arguments, outcome), "", "") if end else None


class ReplayLog:
    """Latest acknowledged calls of each fleet. O(1) per call: payloads are parsed only for a replay."""

    def __init__(self) -> None:
        self._calls: dict[str, deque[Call]] = {}

    def record(self, fleet: str, stamp: Stamp, operations: Sequence[Operation], outcomes: Sequence[Outcome]) -> None:
        """Add an acknowledged call."""
        now = monotonic()
        calls = self._calls.setdefault(fleet, deque())
        payload: Any = (operations, outcomes)
        calls.append(Call(now, stamp, marshal.dumps(payload)))
        while calls[0].at < now - KEPT_SECONDS:
            calls.popleft()

    def keep(self, fleets: Iterable[str]) -> None:
        """Drop other fleets, and fleets idle for `MAX_IDLE_SECONDS`."""
        names, oldest = set(fleets), monotonic() - MAX_IDLE_SECONDS
        self._calls = {
            name: calls for name, calls in self._calls.items() if name in names and calls and calls[-1].at >= oldest
        }

    def missing(self, fleet: str, history: History) -> list[Call]:
        """Calls that a store with this history has lost, or may have lost."""
        return [call for call in self._calls.get(fleet, ()) if history.fate(call.stamp) in ("lost", "unknown")]

    def forget(self, fleet: str, calls: Iterable[Call]) -> None:
        """Drop replayed calls: the replay is logged as a call of its own."""
        gone = set(map(id, calls))
        self._calls[fleet] = deque(call for call in self._calls.get(fleet, ()) if id(call) not in gone)


async def facts_of(calls: Iterable[Call]) -> list[Fact]:
    """The last fact of each session; an end is final. Yields to the event loop after each call."""
    facts: dict[str, Fact] = {}
    for call in calls:
        operations, outcomes = marshal.loads(call.payload)  # noqa: S302 - serialized by this process
        for operation, outcome in zip(operations, outcomes, strict=True):
            fact = fact_of(operation, outcome)
            if fact and not (fact[0] == "placed" and fact[1] in facts and facts[fact[1]][0] == "ended"):
                facts[fact[1]] = fact
        await asyncio.sleep(0)
    return list(facts.values())
