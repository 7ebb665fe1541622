"""Usual placement gap of a fleet: the expected one at a steady load with a mean number of sessions."""

from __future__ import annotations

from collections.abc import Sequence

from slta.core.fleet import FleetSpec
from slta.core.optimum import optimum
from slta_planning.expected_gap.gap import NotByMarginalError, TooLargeError, expected_placement_gap
from slta_planning.expected_gap.offered_load import offered_load


def usual_gap(spec: FleetSpec, pools: Sequence[int], sessions: float) -> float | None:
    """Expected placement gap at a steady load, as a fraction of |u*(ρ)|; 0 without sessions.

    That of JLMU, whatever the fleet's policy. None with session types, with an order that is not by marginal utility,
    if more than `MAX_REFUSED` would be refused, if the computation is too large, and without a bound.
    """
    if not sessions:
        return 0.0
    best, offered = optimum(spec.optimal_ranking, pools, sessions), offered_load(sessions, spec.places(pools))
    if offered is None or best is None or not best.utility or spec.session_types:
        return None
    try:
        return expected_placement_gap(spec.ranking, pools, offered) * sum(pools) / abs(best.utility)
    except (NotByMarginalError, TooLargeError):
        return None
