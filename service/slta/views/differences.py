"""Mean differences at placing by source, with standard errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

from slta.core.fleet import FleetSpec
from slta.models import DifferenceSums, Integrals

SOURCES = ("placed", "reported")
"""How a session came to its pool: by an assign, or by another balancer that reported it when it began."""
NO_SUMS = DifferenceSums(sessions=0, total=0.0, squares=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanDifference:
    """Number of sessions, their mean difference, and its standard error, that of independent sessions.

    `mean` is null without a session, `standard_error` with fewer than two.
    """

    sessions: int
    mean: float | None
    standard_error: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferencesBySource:
    """Marginal utility of the best free place minus that of the place taken, of one in 16 sessions, by source."""

    placed: MeanDifference
    reported: MeanDifference


def differences_by_source(newer: Integrals, older: Integrals | None, spec: FleetSpec) -> DifferencesBySource | None:
    """Mean differences between two integrals, or since curves, order or policy changed; None if no session was drawn.

    Sessions from before that change are excluded: their unit may differ. None for a fleet that observes.
    """
    return _between(newer, older, spec) if spec.policy.places else None


def mean_difference(newer: Integrals, older: Integrals | None, spec: FleetSpec) -> float | None:
    """Mean difference to JLMU's choice of all reports of a fleet that observes, as `differences_by_source`."""
    found = None if spec.policy.places else _between(newer, older, spec)
    return found.reported.mean if found else None


def _between(newer: Integrals, older: Integrals | None, spec: FleetSpec) -> DifferencesBySource | None:
    last, first = newer.differences, older.differences if older else None
    if last is None:
        return None
    earlier = first if first and first.since == last.since else None
    return DifferencesBySource(
        placed=_mean(last.placed, earlier.placed if earlier else NO_SUMS, spec),
        reported=_mean(last.reported, earlier.reported if earlier else NO_SUMS, spec),
    )


def _mean(last: DifferenceSums, earlier: DifferenceSums, spec: FleetSpec) -> MeanDifference:
    sessions = max(0, last.sessions - earlier.sessions)
    total, squares = last.total - earlier.total, last.squares - earlier.squares
    mean = total / sessions if sessions else None
    error = None
    if mean is not None and sessions > 1:
        variance = max(0.0, squares - total * mean) / (sessions - 1)
        error = spec.integers.to_utility(math.sqrt(variance / sessions))
    return MeanDifference(
        sessions=sessions, mean=None if mean is None else spec.integers.to_utility(mean), standard_error=error
    )
