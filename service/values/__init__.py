"""What the store answers: frozen values, as the HTTP API gives them, field by field."""

from __future__ import annotations

from service.values.answers import (
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
from service.values.snapshots import (
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
    "left_out_over_capacity",
    "left_out_unknown_pool",
    "repairs",
    "went_back",
    "steps_up",
    "steps_down",
)
"""What a fleet counts since it began."""

MICROSECONDS = 1_000_000
"""In a second: the store's unit of time."""
