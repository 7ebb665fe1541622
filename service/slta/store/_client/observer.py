"""Observer of store calls, for metrics and traces."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Protocol

CALLERS: ContextVar[list[Any]] = ContextVar("CALLERS")
"""Spans of the requests for which the current task calls the store, if they are traced."""


class StoreObserver(Protocol):
    """Observer of calls, for metrics."""

    def call(self, function: str, seconds: float, operations: int) -> None:
        """Record a call of `operations` operations that took `seconds`."""

    def error(self, kind: str) -> None:
        """Record a failed call; `kind` as in `Failure`."""

    def not_restored(self, kind: str, reason: str, changes: int) -> None:
        """Record acknowledged changes of a kind that the store has lost and that are not restored."""

    def sampled(self, outcome: str, count: int) -> None:
        """Record qualities that pools have sent, by what became of them."""
