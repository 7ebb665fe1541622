"""Market model: costs and worths of pools as input of the solver.

U*(N, A) is the minimum of p N + Σ_i A_i w_i(p) over the prices p of a session, where w_i(p) = Σ_j max(Δ(i, j) − p, 0)
is the worth of a pool at that price (dual of programme (2), section 2.4). The minimum is at a marginal utility. So
U*(N, A) ≥ F is one row per price. The left sides do not depend on N, so several loads with floors share the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from slta.core.expected_gap import blocking
from slta.core.fleet import FleetSpec
from slta_planning.plan.options import Hour

Floats = NDArray[np.float64]
NEVER = 1e-6
"""Share of sessions that is neglected."""


@dataclass(frozen=True)
class AnyMarket:
    """Market of classes, with costs and capacities, and of hours, with loads.

    `most` is a number of pools of one class beyond which more add nothing.
    """

    costs: Floats
    capacities: Floats
    loads: Floats
    most: int

    @property
    def no_floors(self) -> Floats:
        """Floors that every fleet reaches."""
        return np.full(len(self.loads), -np.inf)

    def cost_of(self, pools: Sequence[int]) -> float:
        """Cost of a fleet."""
        return float(self.costs @ np.array(pools))


@dataclass(frozen=True)
class Market(AnyMarket):
    """Market without session types: `worths[k, i]` of a pool of class i at `prices[k]`, and `room` for the loads."""

    prices: Floats
    worths: Floats
    room: int


def market_of(spec: FleetSpec, costs: Sequence[float], hours: Sequence[Hour], refused: float) -> Market:
    """Market for these hours; at most the fraction `refused` of the sessions may be refused."""
    columns = [np.array(column) for column in spec.ranking.marginals]
    prices = np.unique(np.concatenate(columns))
    loads = np.array([hour.sessions for hour in hours])
    return Market(
        np.array(costs, dtype=np.float64),
        np.array([float(len(column)) for column in columns]),
        loads,
        most_for(float(loads.max())),
        prices,
        np.stack([worths(column, prices) for column in columns], axis=1),
        places_for(float(loads.max()), refused),
    )


def worths(marginals: Floats, prices: Floats) -> Floats:
    """w(p) of a pool at each price; marginals in descending order. O((levels + prices) log levels)."""
    sums = np.concatenate(([0.0], np.cumsum(marginals)))
    dearer = np.searchsorted(-marginals, -prices)
    found: Floats = sums[dearer] - prices * dearer
    return found


def places_for(load: float, refused: float) -> int:
    """Places for the mean load, and for which at most the probability `refused` remains."""
    return max(places_by_erlang(load, refused), ceil(load))


def most_for(load: float) -> int:
    """Pools of one class beyond which more add nothing: one for each session but in a millionth of the cases."""
    return places_for(load, NEVER)


def places_by_erlang(load: float, refused: float) -> int:
    """Minimum number of places for which Poisson arrivals are refused with probability `refused` at most (Erlang B)."""
    low, high = 0, ceil(load + 40 * load**0.5 + 100)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if blocking(load, middle) <= refused else (middle + 1, high)
    return low
