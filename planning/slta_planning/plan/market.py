"""Market model: costs, curves and rooms of pools by class as input of the solver. Without session types there is one.

U*(N_1 … N_T, A) is the largest Σ_c y_c for which y_c ≤ p s_c + A_c w_c(p) at each marginal utility p of class c, where
w_c(p) = Σ_j max(Δ(c, j) − p, 0), s_c = Σ_t z(t, c) are the sessions of the class, at most its places, and
Σ_c z(t, c) = N_t over the classes of type t. That is Σ_j Δ(c, j) x(c, j) with 0 ≤ x(c, j) ≤ A_c, without the x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slta.core.fleet import FleetSpec
from slta.core.session_types.sets import TypeSets
from slta_planning.expected_gap import blocking
from slta_planning.plan.loads import Hour

Floats = NDArray[np.float64]
NEVER = 1e-6
"""Share of sessions that is neglected."""
MAX_ROOMS = 256
"""Maximum of unions of sets with a row of their own; beyond, the sets alone and the whole fleet have one."""


class Curve(NamedTuple):
    """Worth of a pool of one class at each of its marginal utilities."""

    prices: Floats
    worths: Floats


class Room(NamedTuple):
    """Number of places that these classes need together."""

    classes: frozenset[int]
    places: int


@dataclass(frozen=True)
class Market:
    """Costs, capacities and curves by class, `loads[h, t]` sessions of type t in hour h, and the rooms that they need.

    `most` is a number of pools of one class beyond which more add nothing.
    """

    costs: Floats
    capacities: Floats
    loads: Floats
    most: int
    curves: Sequence[Curve]
    sets: TypeSets
    rooms: Sequence[Room]
    refused: float
    """Largest share of each type's sessions that may be refused."""

    @property
    def no_floors(self) -> Floats:
        """Floors that every fleet reaches."""
        return np.full(len(self.loads), -np.inf)

    def cost_of(self, pools: Sequence[int]) -> float:
        """Cost of a fleet."""
        return float(self.costs @ np.array(pools))


def market_of(spec: FleetSpec, costs: Sequence[float], hours: Sequence[Hour], refused: float) -> Market:
    """Market for these hours; at most the fraction `refused` of each type's sessions may be refused."""
    columns = [np.array(column) for column in spec.ranking.marginals]
    prices = [np.unique(column) for column in columns]
    loads = np.array([hour.sessions for hour in hours])
    return Market(
        np.array(costs, dtype=np.float64),
        np.array([float(len(column)) for column in columns]),
        loads,
        places_for(float(loads.sum(axis=1).max()), NEVER),
        [Curve(p, worths(column, p)) for p, column in zip(prices, columns, strict=True)],
        spec.type_sets,
        rooms_for(spec.type_sets, loads, refused),
        refused,
    )


def rooms_for(sets: TypeSets, loads: Floats, refused: float) -> list[Room]:
    """Places that unions of the types' sets need under any placement, for so few refusals of each type.

    The types within a union use no other class. With p places at least the fraction B(load, p) of their sessions is
    refused (Erlang B), by a placement that refuses none of them while it has a place.
    """
    rooms = []
    for union in unions_of(sets):
        inside = [t for t, own in enumerate(sets.members) if own <= union]
        load = float(loads[:, inside].sum(axis=1).max())
        if load:
            rooms.append(Room(union, places_for(load, refused)))
    return rooms


def unions_of(sets: TypeSets) -> list[frozenset[int]]:
    """Unions of the types' sets, or the sets alone and the union of all if those are too many."""
    found: dict[frozenset[int], None] = {}
    for own in sets.members:
        found |= dict.fromkeys([own, *(own | union for union in found)])
        if len(found) > MAX_ROOMS:
            return list(dict.fromkeys([*sets.members, frozenset().union(*sets.members)]))
    return list(found)


def worths(marginals: Floats, prices: Floats) -> Floats:
    """w(p) of a pool at each price; marginals in descending order. O((levels + prices) log levels)."""
    sums = np.concatenate(([0.0], np.cumsum(marginals)))
    dearer = np.searchsorted(-marginals, -prices)
    found: Floats = sums[dearer] - prices * dearer
    return found


def places_for(load: float, refused: float) -> int:
    """Places for the mean load, and for which at most the probability `refused` remains."""
    return max(places_by_erlang(load, refused), ceil(load))


def places_by_erlang(load: float, refused: float) -> int:
    """Minimum number of places for which Poisson arrivals are refused with probability `refused` at most (Erlang B)."""
    low, high = 0, ceil(load + 40 * load**0.5 + 100)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if blocking(load, middle) <= refused else (middle + 1, high)
    return low
