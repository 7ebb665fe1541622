"""Watch: liveness of all pools, read again and again in a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import NamedTuple, Self

import httpx

LOOK_SECONDS = 0.25


class Change(NamedTuple):
    """A pool has another liveness, seen at `at`."""

    at: float
    pool_id: str
    liveness: str


class Watch:
    """Use it as a context manager. `read` returns the liveness of each pool."""

    def __init__(self, read: Callable[[], Mapping[str, str]]) -> None:
        self._read = read
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.now: Mapping[str, str] = {}
        self.changes: list[Change] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        """A look without an answer is left out."""
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                found = self._read()
            except httpx.HTTPError:
                continue
            at, before = monotonic(), self.now
            self.changes += [Change(at, pool, is_) for pool, is_ in found.items() if before.get(pool) != is_]
            self.now = found

    def since(self, begin: float, pools: Iterable[str], liveness: str) -> dict[str, float]:
        """When each of these pools had this liveness first, since `begin`."""
        selected, first = set(pools), dict[str, float]()
        for change in self.changes:
            if change.at >= begin and change.liveness == liveness and change.pool_id in selected:
                first.setdefault(change.pool_id, change.at)
        return first
