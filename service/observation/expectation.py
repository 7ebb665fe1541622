"""The placement gap that is to be expected of a fleet: when there is one, for which load, and how it is told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from service.core.fleet import FleetSpec
from service.observation.integrals import difference
from service.values import Snapshot

LOAD_WINDOW = 300
"""Seconds whose mean load counts."""
LOAD_STEP = 1.002
"""Loads are rounded to whole powers of this, so that small swings ask nothing new."""
NEARLY_FULL = 3.0
"""Standard deviations of the number of sessions, Poisson, that must be free: else arrivals are refused now and then."""

Reason = Literal["pending", "policy", "order", "pools_draining", "no_active_pool", "nearly_full", "too_large"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The placement gap per pool that JLMU has in the mean at a steady load, and as a part of |u*(ρ)|.

    `reason` says why there is none; `relative` is None as well where u*(ρ) is 0.
    """

    gap: float | None = None
    relative: float | None = None
    reason: Reason | None = None


PENDING = Expected(reason="pending")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a prediction depends on: the fleet's configuration, its active pools and its sessions in the mean."""

    fleet: str
    store_epoch: int
    config_version: int
    pools: tuple[int, ...]
    sessions: float
    spec: FleetSpec = field(compare=False, repr=False)


def question_now(snapshot: Snapshot, spec: FleetSpec) -> Question | Expected:
    """What to ask about the fleet as it is, at its mean load; or why not."""
    if any(c.draining_pools for c in snapshot.classes):
        return Expected(reason="pools_draining")
    load = mean_sessions(snapshot)
    return question_at(snapshot, spec, [c.counts[0] for c in snapshot.classes], load)


def question_at(snapshot: Snapshot, spec: FleetSpec, pools: Sequence[int], sessions: float) -> Question | Expected:
    """The same at other pools and another load."""
    reason = _reason(spec, pools, sessions)
    if reason:
        return Expected(reason=reason)
    return Question(
        fleet=snapshot.fleet,
        store_epoch=snapshot.store_epoch,
        config_version=snapshot.config_version,
        pools=tuple(pools),
        sessions=rounded(sessions),
        spec=spec,
    )


def mean_sessions(snapshot: Snapshot) -> float:
    """Sessions on active pools, the mean of `LOAD_WINDOW`, or of as long as there are integrals."""
    newer, older = snapshot.integrals, snapshot.past.get(LOAD_WINDOW)
    if older is None or newer.time <= older.time:
        return float(snapshot.sessions)
    return max(difference(newer.sessions, older.sessions), 0.0) / (newer.time - older.time)


def rounded(sessions: float) -> float:
    """To 0.2 %.

    >>> rounded(1000.0) == rounded(1000.5), rounded(1000.0) == rounded(1004.0)
    (True, False)
    """
    return LOAD_STEP ** round(math.log(sessions, LOAD_STEP)) if sessions > 0 else 0.0


def _reason(spec: FleetSpec, pools: Sequence[int], sessions: float) -> Reason | None:
    present = sum(count > 0 for count in pools)
    if not present:
        return "no_active_pool"
    if not spec.order.by_marginal:
        return "order"
    if present > spec.policy.predicted_classes:
        return "policy"
    capacity = sum(count * c.capacity for count, c in zip(pools, spec.classes, strict=True))
    if sessions + NEARLY_FULL * math.sqrt(sessions) > capacity:
        return "nearly_full"
    return None
