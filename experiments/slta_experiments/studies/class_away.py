"""Scenario of a class of pools that leaves and returns, run on the specification, which is slow but complete."""

from __future__ import annotations

import math
import random
from typing import Any

from slta.core.occupancy import counts_of, total_utility
from slta.core.optimum import optimum
from slta.core.policies import Occupancies, Slta
from slta.core.policies.tokens import Beta
from slta_experiments.fleets import TABLE_1
from slta_loadgen.workload import poisson, until

GRID = 0.1
"""Sampling interval."""


def class_away(n: int = 40, end: float = 60.0, away: tuple[float, float] = (20.0, 40.0)) -> dict[str, Any]:
    """Class 2 leaves at `away[0]` (its sessions continue, uncounted) and returns at `away[1]`; ρ = 6 over all pools.

    Run on the specification: r must skip the ranks of the empty class, or it would get stuck.
    """
    pools, rng = TABLE_1.pools(n), random.Random(4)
    policy = Slta(Occupancies(TABLE_1.ranking, [[0] * p for p in pools]), Beta())
    parked: list[int | None] = []
    ends: list[tuple[float, int, int]] = []
    curve: list[dict[str, Any]] = []
    changes = iter([*away, math.inf])
    change = next(changes)
    for now in until(end, poisson(6.0 * n, rng)):
        ends = finish(policy, parked, ends, now)
        if now >= change:
            parked = swap_class(policy, parked, pools[1])
            change = next(changes)
        decision = policy.assign(rng.random())
        assert decision is not None  # noqa: S101 - capacities are never met
        ends.append((now + rng.expovariate(1.0), decision.pool_class, decision.pool))
        if now >= len(curve) * GRID:
            curve.append({"time": round(now, 3), **snapshot(policy)})
    return {"n": n, "away": away, "curve": curve}


def finish(
    policy: Slta, parked: list[int | None], ends: list[tuple[float, int, int]], now: float
) -> list[tuple[float, int, int]]:
    """Complete the sessions that end by `now`; those of the absent class in the parked occupancies."""
    for _, pool_class, pool in (e for e in sorted(ends) if e[0] <= now):
        if pool_class == 1 and parked:
            parked[pool] -= 1  # type: ignore[operator]
        else:
            policy.complete(pool_class, pool)
    return [e for e in ends if e[0] > now]


def swap_class(policy: Slta, parked: list[int | None], pools: int) -> list[int | None]:
    """Remove class 2's occupancies from the dispatcher, or restore them; return the parked ones."""
    columns = policy.occupancies.columns
    if parked:
        columns[1], parked = parked, []
    else:
        columns[1], parked = [None] * pools, columns[1]
    policy.pools_changed()
    return parked


def snapshot(policy: Slta) -> dict[str, Any]:
    """r and r* as ranks of the full enumeration; utility of the active pools and its optimum."""
    state = policy.occupancies
    pools, sessions = state.pools, state.sessions
    best = optimum(state.ranking, pools, sessions)
    assert best is not None  # noqa: S101 - class 1 never leaves
    counts = counts_of([[x for x in column if x is not None] for column in state.columns])
    utility = total_utility(state.ranking, counts)
    return {
        "rank": state.full_ranking.rank(policy.estimate),
        "best_rank": state.full_ranking.rank(best.coordinate),
        "relative_gap": (best.utility - utility) / abs(best.utility) if best.utility else 0.0,
    }
