"""Replay log: acknowledged calls of the last seconds, as facts that `recovery` can replay."""

from __future__ import annotations

import marshal
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from time import monotonic
from typing import Any

from slta.store._client.rollback_detection import History, Stamp
from slta.store._failover.facts import DELETED, POOLS, Call, Operation, PoolFact, SessionFact
from slta.store.library import REPLAY_SECONDS

KEPT_SECONDS = 10.0
"""Retention of a fleet's calls, counted from its newest; before a recovery from the last one of their incarnation, so
that a failover does not use it up."""
MAX_BYTES = 32 * 1024 * 1024
"""Size of all calls; beyond, the oldest of the fleet with the largest log are dropped."""
DROPPED_PART = 16
"""What is dropped then is this part of the size, so that the largest log is rarely looked for."""
DELETION = marshal.dumps((DELETED, ()))


class ReplayLog:
    """Latest acknowledged calls of each fleet. O(1) per call: payloads are parsed only for a replay."""

    def __init__(self, dropped: Callable[[str, int], None] = lambda _reason, _calls: None) -> None:
        """`dropped` counts calls that had to be dropped before their time."""
        self._calls: dict[str, deque[Call]] = {}
        self._bytes: dict[str, int] = {}
        self._recovered: dict[str, int] = {}
        """Incarnation of each fleet at its last recovery."""
        self._listed: set[str] = set()
        self._total = 0
        self._dropped = dropped

    def record(self, fleet: str, stamp: Stamp, operations: Sequence[Operation] | str, outcomes: Sequence[Any]) -> None:
        """Add an acknowledged call."""
        now = monotonic()
        calls = self._calls.setdefault(fleet, deque())
        call: Any = (operations, outcomes)
        payload = marshal.dumps(call)
        calls.append(Call(now, stamp, payload))
        self._resize(fleet, len(payload))
        while calls[0].at < now - (KEPT_SECONDS if self._is_settled(fleet, calls[0], stamp) else REPLAY_SECONDS):
            self._resize(fleet, -len(calls.popleft().payload))
        if self._total > MAX_BYTES:
            self._shrink()

    def _is_settled(self, fleet: str, call: Call, newest: Stamp) -> bool:
        return newest.incarnation in (call.stamp.incarnation, self._recovered.get(fleet))

    def record_facts(self, fleet: str, stamp: Stamp, facts: Iterable[SessionFact | PoolFact]) -> None:
        """Add a call that established facts of sessions, or of pools; nothing without any."""
        given = list(facts)
        if given:
            words = [tuple(fact) for fact in given]
            self.record(fleet, stamp, POOLS if isinstance(given[0], PoolFact) else words, words)

    def record_deletion(self, fleet: str, stamp: Stamp) -> None:
        """Add the deletion of the fleet."""
        self.record(fleet, stamp, DELETED, ())

    def _resize(self, fleet: str, change: int) -> None:
        self._bytes[fleet] = self._bytes.get(fleet, 0) + change
        self._total += change

    def _shrink(self) -> None:
        largest = max(self._bytes, key=lambda fleet: self._bytes[fleet])
        calls, count = self._calls[largest], 0
        while len(calls) > 1 and self._total > MAX_BYTES - MAX_BYTES // DROPPED_PART:
            self._resize(largest, -len(calls.popleft().payload))
            count += 1
        self._dropped("log_full", count)

    def take(self, fleet: str) -> Iterable[Call]:
        """Remove the calls of a fleet and return them; none of one that was deleted, by this process or another."""
        calls = self._calls.get(fleet)
        was_deleted = fleet not in self._listed or bool(calls and calls[-1].payload == DELETION)
        return () if was_deleted else self._drop(fleet)

    def _drop(self, fleet: str) -> Iterable[Call]:
        self._total -= self._bytes.pop(fleet, 0)
        self._recovered.pop(fleet, None)
        return self._calls.pop(fleet, ())

    def fleets(self) -> Collection[str]:
        """Fleets that have a log."""
        return self._calls.keys()

    def keep(self, listed: Iterable[str]) -> None:
        """Take up which fleets there are, and drop those without a call for `REPLAY_SECONDS`."""
        self._listed, oldest = set(listed), monotonic() - REPLAY_SECONDS
        for fleet in [name for name, calls in self._calls.items() if not calls or calls[-1].at < oldest]:
            self._drop(fleet)

    def missing(self, fleet: str, history: History) -> list[Call]:
        """Calls that a store with this history has lost, or may have lost."""
        return [call for call in self._calls.get(fleet, ()) if history.fate(call.stamp) in ("lost", "unknown")]

    def forget(self, fleet: str, calls: Iterable[Call], incarnation: int) -> None:
        """Drop calls that were replayed into this incarnation: the replay is logged as a call of its own."""
        self._recovered[fleet] = incarnation
        gone = set(map(id, calls))
        kept = deque(call for call in self._calls.get(fleet, ()) if id(call) not in gone)
        self._calls[fleet] = kept
        self._resize(fleet, sum(len(call.payload) for call in kept) - self._bytes.get(fleet, 0))
