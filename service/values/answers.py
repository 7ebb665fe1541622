"""Sessions and pools as calls answer them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["active", "draining", "failed"]
EndReason = Literal["completed", "expired", "failed", "reported_ended", "completed_before_assign"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A session on a pool. `token` is what decided (None in a replay), `lease_seconds` 0 for no lease."""

    session_id: str
    pool_id: str
    pool_class: str
    token: str | None
    lease_seconds: float
    replayed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Where JLMU would have put a session at the state that it found, and what it would have added there."""

    pool_id: str
    pool_class: str
    marginal_utility: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A session where it was reported to be; `lease_seconds` 0 for no lease.

    `marginal_utility` is what it added on its pool when it came there. It and `jlmu_choice` are None where nothing is
    compared: the session was there before, its pool is not active, or the fleet places sessions itself.
    """

    session_id: str
    pool_id: str
    pool_class: str
    outcome: Literal["new", "same", "moved"]
    lease_seconds: float
    marginal_utility: float | None
    jlmu_choice: Choice | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The session ended with this call."""

    session_id: str
    pool_id: str
    outcome: Literal["completed"] = "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyEnded:
    """The session had ended before, on `pool_id`."""

    session_id: str
    pool_id: str
    outcome: Literal["already_ended"] = "already_ended"
    reason: EndReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """Session ids by what became of their leases."""

    renewed: list[str]
    expired: list[str]
    unknown: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """The session's lease has begun anew."""

    session_id: str
    outcome: Literal["renewed"] = "renewed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A live session. It came to its pool as session number `level` there, and `token` is what decided.

    `token` is None for a session that was adopted or reported: nobody decided here. Both are None where a dispatcher of
    an older version wrote the session last.
    """

    session_id: str
    pool_id: str
    pool_class: str
    token: str | None
    level: int | None
    age_seconds: float
    lease_seconds_left: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A server pool and the sessions it holds."""

    pool_id: str
    pool_class: str
    status: Status
    occupancy: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPage:
    """Some pools, and where to go on."""

    pools: list[Pool]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolsAdded:
    """Pool ids by whether they are new."""

    created: list[str]
    unchanged: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFailed:
    """A failed pool and the sessions that ended with it."""

    pool_id: str
    pool_class: str
    status: Status
    occupancy: int
    ended_session_ids: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """A fleet after PUT."""

    config_version: int
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What a pool's own list of sessions changed; lists of session ids."""

    ended: list[str]
    adopted: list[str]
    over_capacity: list[str]
    already_ended: list[str]
    elsewhere: list[str]
