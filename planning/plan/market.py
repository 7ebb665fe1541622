"""What pools cost and add, in numbers that a solver takes.

U*(N, A) is the smallest of p N + Σ_i A_i w_i(p) over the prices p of a session, w_i(p) = Σ_j max(Δ(i, j) − p, 0) being
the worth of a pool at that price (the dual of programme (2), section 2.4). The smallest is at one of the marginal
utilities. So U*(N, A) ≥ F is one row for each of them, and as the left sides do not depend on N, several loads with a
floor each need no more rows than one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

from planning.plan.wanted import Hour
from service.core.fleet import FleetSpec

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Market:
    """Classes by their costs and capacities, hours by their loads.

    `worths[k, i]` is what a pool of class i is worth where a session costs `prices[k]`. `room` is how many places the
    fleet must have, `most` a number of pools of one class beyond which more add nothing.
    """

    costs: Floats
    capacities: Floats
    loads: Floats
    prices: Floats
    worths: Floats
    room: int
    most: int


def market_of(spec: FleetSpec, costs: Sequence[float], hours: Sequence[Hour], refused: float) -> Market:
    """The market for these hours; at most the share `refused` of the sessions may find all places taken."""
    columns = [np.array(column) for column in spec.ranking.marginals]
    prices = np.unique(np.concatenate(columns))
    loads = np.array([hour.sessions for hour in hours])
    room = places_for(float(loads.max()), refused)
    return Market(
        np.array(costs, dtype=np.float64),
        np.array([float(len(column)) for column in columns]),
        loads,
        prices,
        np.stack([worths(column, prices) for column in columns], axis=1),
        room,
        max(room, ceil(loads.max())),
    )


def worths(marginals: Floats, prices: Floats) -> Floats:
    """w(p) of a pool with these marginal utilities, largest first, at each price. O((levels + prices) log levels)."""
    sums = np.concatenate(([0.0], np.cumsum(marginals)))
    dearer = np.searchsorted(-marginals, -prices)
    found: Floats = sums[dearer] - prices * dearer
    return found


def places_for(load: float, refused: float) -> int:
    """The fewest places of which Poisson arrivals find all taken with a probability of `refused` at most (Erlang B)."""
    low, high = 0, ceil(load + 40 * load**0.5 + 100)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if blocking(load, middle) <= refused else (middle + 1, high)
    return max(low, ceil(load))


def blocking(load: float, places: float) -> float:
    """Erlang B: the share of sessions that find all places taken, for any durations and Poisson arrivals."""
    reached = float(poisson.cdf(places, load))
    return float(poisson.pmf(places, load)) / reached if reached else 1.0
