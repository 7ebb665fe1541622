"""Expected placement gap of a fleet: when it is defined, the load to predict for, and its result type."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from slta.core.fleet import FleetSpec
from slta.models import Snapshot
from slta.views.integrals import difference

LOAD_WINDOW = 300
"""Seconds over which the load is averaged."""
LOAD_STEP = 1.002
"""Loads are rounded to integer powers of this, so that small swings need no new prediction."""

Reason = Literal[
    "pending", "policy", "order", "session_types", "pools_draining", "no_active_pool", "nearly_full", "too_large"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedGap:
    """JLMU's mean placement gap per pool at a steady load, and as a fraction of |u*(ρ)|.

    `reason` explains an absent gap; `relative` is also None if u*(ρ) is 0.
    """

    gap: float | None = None
    relative: float | None = None
    reason: Reason | None = None


PENDING = ExpectedGap(reason="pending")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedGapQuestion:
    """Input of a prediction: the fleet's configuration, active pools and mean number of sessions."""

    fleet: str
    store_epoch: int
    config_version: int
    pools: tuple[int, ...]
    sessions: float
    spec: FleetSpec = field(compare=False, repr=False)


def question_now(snapshot: Snapshot, spec: FleetSpec) -> ExpectedGapQuestion | ExpectedGap:
    """Prediction input for the current pools and mean load; or the reason why there is no prediction."""
    if spec.session_types:
        return ExpectedGap(reason="session_types")
    if any(c.draining_pools for c in snapshot.classes):
        return ExpectedGap(reason="pools_draining")
    return question_at(snapshot, spec, [c.counts[0] for c in snapshot.classes], mean_sessions(snapshot))


def question_at(
    snapshot: Snapshot, spec: FleetSpec, pools: Sequence[int], sessions: float
) -> ExpectedGapQuestion | ExpectedGap:
    """Prediction input for given pools and load; or the reason why there is no prediction."""
    reason = _reason(spec, pools, sessions)
    if reason:
        return ExpectedGap(reason=reason)
    return ExpectedGapQuestion(
        fleet=snapshot.fleet,
        store_epoch=snapshot.store_epoch,
        config_version=snapshot.config_version,
        pools=tuple(pools),
        sessions=rounded(sessions),
        spec=spec,
    )


def mean_sessions(snapshot: Snapshot) -> float:
    """Mean sessions on active pools over `LOAD_WINDOW`, or the fleet's age if shorter."""
    newer, older = snapshot.integrals, snapshot.past.get(LOAD_WINDOW)
    if older is None or newer.time <= older.time:
        return float(snapshot.sessions)
    return max(difference(newer.sessions, older.sessions), 0.0) / (newer.time - older.time)


def rounded(sessions: float) -> float:
    """Round to 0.2 %.

    >>> rounded(1000.0) == rounded(1000.5), rounded(1000.0) == rounded(1004.0)
    (True, False)
    """
    return LOAD_STEP ** round(math.log(sessions, LOAD_STEP)) if sessions > 0 else 0.0


def _reason(spec: FleetSpec, pools: Sequence[int], sessions: float) -> Reason | None:
    if spec.session_types:
        return "session_types"
    present = sum(count > 0 for count in pools)
    if not present:
        return "no_active_pool"
    if not spec.order.by_marginal:
        return "order"
    if present > spec.policy.predicted_classes:
        return "policy"
    return "nearly_full" if sessions >= spec.places(pools) else None
