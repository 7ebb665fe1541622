"""Result types of the store: frozen dataclasses with the fields of the HTTP API. Those of calls are here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from slta.models.pools import ALL_POOLS as ALL_POOLS
from slta.models.pools import UNCHANGED as UNCHANGED
from slta.models.pools import AfterDrain as AfterDrain
from slta.models.pools import Drain as Drain
from slta.models.pools import Pool as Pool
from slta.models.pools import PoolFailed as PoolFailed
from slta.models.pools import PoolFilter as PoolFilter
from slta.models.pools import PoolPage as PoolPage
from slta.models.pools import PoolsAdded as PoolsAdded
from slta.models.pools import PoolsChanged as PoolsChanged
from slta.models.pools import PoolSessions as PoolSessions
from slta.models.pools import PoolSpec as PoolSpec
from slta.models.pools import Reconciliation as Reconciliation
from slta.models.pools import Status as Status
from slta.models.pools import Unchanged as Unchanged
from slta.models.snapshots import Arrivals as Arrivals
from slta.models.snapshots import AuditResult as AuditResult
from slta.models.snapshots import ClassSnapshot as ClassSnapshot
from slta.models.snapshots import Differences as Differences
from slta.models.snapshots import DifferenceSums as DifferenceSums
from slta.models.snapshots import Findings as Findings
from slta.models.snapshots import Integrals as Integrals
from slta.models.snapshots import Repaired as Repaired
from slta.models.snapshots import Snapshot as Snapshot
from slta.models.snapshots import Survey as Survey
from slta.models.snapshots import Suspect as Suspect
from slta.models.snapshots import Ticked as Ticked
from slta.models.snapshots import TypeIntegrals as TypeIntegrals
from slta.models.snapshots import TypeSnapshot as TypeSnapshot

WINDOWS = (60, 300, 3600)
"""Seconds: ages at which a fleet keeps its integrals."""

COUNTERS = (
    "assigned",
    "adopted",
    "completed",
    "expired",
    "failed",
    "reported_ended",
    "pool_gone",
    "rejected_no_capacity",
    "rejected_no_active_pool",
    "rejected_low_priority",
    "refused_ids",
    "left_out_over_capacity",
    "left_out_unknown_pool",
    "repairs",
    "went_back",
    "learning_steps_up",
    "learning_steps_down",
)
"""Counters of a fleet since its creation. `refused_ids` also falls, see `Arrivals`."""

MICROSECONDS = 1_000_000
"""Per second: the store's unit of time."""

EndReason = Literal["completed", "expired", "failed", "reported_ended", "pool_gone", "completed_before_assign"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Assignment of a session. `lease_seconds` is 0 for no lease.

    `token` decided: `green` (pool below its threshold), `yellow` (next in line), `none` (no pool had a token), or
    `open` under JLMU; null in a replay. `address` is null without one.
    """

    session_id: str
    session_type: str
    pool_id: str
    pool_class: str
    address: str | None
    token: str | None
    lease_seconds: float
    replayed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPlacement(Placement):
    """Assignment of a session, with the labels of its pool."""

    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """JLMU's choice for a reported session in the state just before it, and the session's marginal utility there."""

    pool_id: str
    pool_class: str
    address: str | None
    marginal_utility: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """Reported session; `lease_seconds` 0 for no lease.

    `same` and `moved` renew no lease. `marginal_utility` is what the session added, `jlmu_choice` where JLMU would have
    placed it: null with `same`, on a pool that is not active, and in a fleet that places sessions.
    """

    session_id: str
    session_type: str
    pool_id: str
    pool_class: str
    address: str | None
    outcome: Literal["new", "same", "moved"]
    lease_seconds: float
    marginal_utility: float | None
    jlmu_choice: Choice | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """Session ended by this call."""

    session_id: str
    pool_id: str
    address: str | None
    outcome: Literal["completed"] = "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyEnded:
    """Session that had already ended, on `pool_id`.

    `reason`: `completed`, `expired` (lease), `failed` (pool), `pool_gone` (its pool sent no heartbeats),
    `reported_ended` (not in its pool's list) or `completed_before_assign` (no `pool_id`).
    """

    session_id: str
    pool_id: str
    address: str | None
    outcome: Literal["already_ended"] = "already_ended"
    reason: EndReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """Session ids by result; `expired` have ended, for any reason."""

    renewed: list[str]
    expired: list[str]
    unknown: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """Session whose lease was restarted."""

    session_id: str
    outcome: Literal["renewed"] = "renewed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Live session. `level` is the pool's occupancy on arrival, this session included; `age_seconds` counts from then.

    `marginal_utility` is that of the level by the present curve, null beyond its end. `token` is null if the policy did
    not decide: the session was adopted, reported or replayed. All three are null where a repair could not recover them,
    `lease_seconds_left` without a lease.
    """

    session_id: str
    session_type: str
    pool_id: str
    pool_class: str
    address: str | None
    labels: Mapping[str, str]
    token: str | None
    level: int | None
    marginal_utility: float | None
    age_seconds: float
    lease_seconds_left: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """Result of configuring a fleet."""

    config_version: int
    created: bool
