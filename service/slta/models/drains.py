"""Deadlines of drains, and what is left on a pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AfterDrain = Literal["list", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Deadline of a drain: seconds of fleet time until it, negative after it, and what then happens to the pool.

    `list` leaves it draining, with an event about the sessions that are left; `fail` also fails it.
    """

    deadline_seconds: float
    then: AfterDrain


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSessions:
    """Ids of the sessions on a pool, sorted; of a page of them, with the cursor of the next one."""

    pool_id: str
    session_ids: list[str]
    next_cursor: str | None = None
