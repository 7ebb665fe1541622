"""What the store answers: frozen values, as the HTTP API gives them, field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WINDOWS = (60, 300, 3600)
"""Seconds: a fleet remembers its integrals of these ago."""

COUNTERS = (
    "assigned",
    "adopted",
    "completed",
    "expired",
    "failed",
    "reported_ended",
    "rejected_no_capacity",
    "rejected_no_active_pool",
    "repairs",
    "went_back",
    "steps_up",
    "steps_down",
)
"""What a fleet counts since it began."""

MICROSECONDS = 1_000_000
"""In a second: the store's unit of time."""

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
    """A live session."""

    session_id: str
    pool_id: str
    pool_class: str
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrals:
    """Time integrals of totals since the fleet began, exact differences: pairs (high, low) of doubles.

    In microseconds of fleet time, `utility` and `optimum` times the store's integers, `sessions` times sessions and
    `pools[i]` times pools. `utilities_version` changes with curves and capacities.
    """

    store_epoch: int
    utilities_version: int
    time: int
    sessions: tuple[float, float]
    utility: tuple[float, float]
    optimum: tuple[float, float]
    pools: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSnapshot:
    """Class i in a snapshot. `counts[j]` = n·q(i, j): active pools with at least j sessions, `counts[0]` = A(i)."""

    name: str
    counts: list[int]
    draining_pools: int
    failed_pools: int
    draining_sessions: int
    green: int
    assigned: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A fleet at one instant, read atomically.

    `utility` and `optimum` are U and U*(N, A) in the store's integers, `clock` the server's microseconds. `rank` is r
    among the classes with active pools (under JLMU the rank of σ(q)), or 0. `yellow` tokens are of the class of `rank`.
    """

    fleet: str
    document: str
    config_version: int
    policy: str
    store_epoch: int
    suspect: bool
    time: int
    clock: int
    sessions: int
    draining_sessions: int
    utility: int
    optimum: int
    rank: int
    yellow: int
    min_green: int
    classes: list[ClassSnapshot]
    counters: dict[str, int]
    integrals: Integrals
    row_bytes: dict[Literal["tokens", "ledger"], int]
    """Bytes of the rows that a choice reads (SLTA's two bits per pool, JLMU's open pools), and of the ledger."""
    past: dict[int, Integrals]
    """Per window in seconds (60, 300, 3600), the integrals of that long ago, or of as long as there are any."""

    @property
    def as_of(self) -> str:
        """This instant as `lua/state.lua` reads it again."""
        return f"{self.store_epoch}:{self.time}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What is stored of a fleet's document and of what was compiled from it, for a comparison.

    `fields` are those that `put` takes after the document: policy, digest of the utilities, names, capacities, lease,
    retention, beta's coefficient and power. `digests` are SHA-1 of the tables: order, bound, each class's marginals.
    """

    document: str
    version: str
    fields: list[str]
    digests: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """A fleet after its repair. `set_aside` counts what nobody could use and is kept in {fleet}:aside."""

    fleet: str
    slices: int
    set_aside: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What an audit found of one fleet: sentences, of each slice at most 20, and how many there were in all."""

    fleet: str
    sentences: list[str]
    total: int
    slices: int
    not_looked: str | None = None
    """Why the fleet could not be looked at, as an error's code; None where it was."""
    repaired: Repaired | None = None
    """The repair after which this was found; None where there was none."""
