"""Result types of the store: frozen dataclasses with the fields of the HTTP API."""

from __future__ import annotations

from slta.models.results import (
    AlreadyEnded,
    Choice,
    Completed,
    Configured,
    EndReason,
    Placement,
    Pool,
    PoolFailed,
    PoolPage,
    PoolsAdded,
    Reconciliation,
    Renewal,
    Renewed,
    Reported,
    Session,
    Status,
)
from slta.models.snapshots import (
    ClassSnapshot,
    Comparison,
    Configuration,
    Findings,
    Integrals,
    Repaired,
    Snapshot,
    Survey,
    Suspect,
)

__all__ = [
    "COUNTERS",
    "MICROSECONDS",
    "WINDOWS",
    "AlreadyEnded",
    "Choice",
    "ClassSnapshot",
    "Comparison",
    "Completed",
    "Configuration",
    "Configured",
    "EndReason",
    "Findings",
    "Integrals",
    "Placement",
    "Pool",
    "PoolFailed",
    "PoolPage",
    "PoolsAdded",
    "Reconciliation",
    "Renewal",
    "Renewed",
    "Repaired",
    "Reported",
    "Session",
    "Snapshot",
    "Status",
    "Survey",
    "Suspect",
]

WINDOWS = (60, 300, 3600)
"""Seconds: ages at which a fleet keeps its integrals."""

COUNTERS = (
    "assigned",
    "adopted",
    "completed",
    "expired",
    "failed",
    "reported_ended",
    "rejected_no_capacity",
    "rejected_no_active_pool",
    "left_out_over_capacity",
    "left_out_unknown_pool",
    "repairs",
    "went_back",
    "learning_steps_up",
    "learning_steps_down",
)
"""Counters of a fleet since its creation."""

MICROSECONDS = 1_000_000
"""Per second: the store's unit of time."""
