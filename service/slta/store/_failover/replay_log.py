"""Replay log: acknowledged calls of the last seconds, of which `recovery` restores what a store has lost."""

from __future__ import annotations

import marshal
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from time import monotonic
from typing import Any

from slta.store._client.rollback_detection import History, Stamp
from slta.store._failover.items import ITEMS, Call, Item, Operation

KEPT_SECONDS = 15.0
"""Retention of calls, counted from the newest one of their incarnation until it is recovered, as a failover alone takes
9 to 17 s; then from the fleet's newest."""
UNLISTED_SECONDS = 300.0
"""Retention of a fleet that is not listed: deleted, or lost with its name."""
MAX_BYTES = 32 * 1024 * 1024
"""Size of all calls; beyond, the oldest of the fleet with the largest log are dropped."""
DROPPED_PART = 16
"""What is dropped then is this part of the size, so that the largest log is rarely looked for."""
DELETION = "delete"
"""Kind of the change that ends a fleet."""


class ReplayLog:
    """Latest acknowledged calls of each fleet. O(1) per call: payloads are parsed only for a recovery."""

    def __init__(self, dropped: Callable[[str, str, int], None] = lambda _kind, _reason, _calls: None) -> None:
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
        recovered = self._recovered.get(fleet)
        while calls[0].at < now - KEPT_SECONDS and stamp.incarnation in (calls[0].stamp.incarnation, recovered):
            self._resize(fleet, -len(calls.popleft().payload))
        if self._total > MAX_BYTES:
            self._shrink()

    def record_items(self, fleet: str, stamp: Stamp, items: Iterable[Item]) -> None:
        """Add a call that restored items, or one with what is left of lost ones; nothing without any."""
        if given := [tuple(item) for item in items]:
            self.record(fleet, stamp, ITEMS, given)

    def record_change(self, fleet: str, stamp: Stamp, kind: str, names: Iterable[str]) -> None:
        """Add a change that is not sent again: of pools with these ids (`pool`), a PUT or a DELETE of the fleet."""
        if given := list(names):
            self.record(fleet, stamp, kind, given)

    def _resize(self, fleet: str, change: int) -> None:
        self._bytes[fleet] = self._bytes.get(fleet, 0) + change
        self._total += change

    def _shrink(self) -> None:
        largest = max(self._bytes, key=lambda fleet: self._bytes[fleet])
        calls, count = self._calls[largest], 0
        while len(calls) > 1 and self._total > MAX_BYTES - MAX_BYTES // DROPPED_PART:
            self._resize(largest, -len(calls.popleft().payload))
            count += 1
        self._dropped("call", "log_full", count)

    def take(self, fleet: str) -> Iterable[Call]:
        """Remove the calls of a fleet and return them; none of one that was deleted, by this process or another."""
        calls = self._calls.get(fleet)
        was_deleted = fleet not in self._listed or bool(calls and marshal.loads(calls[-1].payload)[0] == DELETION)  # noqa: S302
        return () if was_deleted else self._drop(fleet)

    def _drop(self, fleet: str) -> Iterable[Call]:
        self._total -= self._bytes.pop(fleet, 0)
        self._recovered.pop(fleet, None)
        return self._calls.pop(fleet, ())

    def fleets(self) -> Collection[str]:
        """Fleets that have a log."""
        return self._calls.keys()

    def keep(self, listed: Iterable[str]) -> None:
        """Take up which fleets there are, and drop the others once they have had no call for `UNLISTED_SECONDS`."""
        self._listed, oldest = set(listed), monotonic() - UNLISTED_SECONDS
        for fleet in self._calls.keys() - self._listed:
            if not self._calls[fleet] or self._calls[fleet][-1].at < oldest:
                self._drop(fleet)

    def missing(self, fleet: str, history: History) -> list[Call]:
        """Calls that a store with this history has lost, or may have lost."""
        return [call for call in self._calls.get(fleet, ()) if history.fate(call.stamp) in ("lost", "unknown")]

    def forget(self, fleet: str, calls: Iterable[Call], incarnation: int) -> None:
        """Drop calls that were recovered in this incarnation: what was restored is logged as a call of its own."""
        self._recovered[fleet] = incarnation
        gone = set(map(id, calls))
        kept = deque(call for call in self._calls.get(fleet, ()) if id(call) not in gone)
        self._calls[fleet] = kept
        self._resize(fleet, sum(len(call.payload) for call in kept) - self._bytes.get(fleet, 0))
