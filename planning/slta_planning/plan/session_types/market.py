"""Market model with session types: costs, curves and rooms of pools by class as input of the solver.

U*(N_1 … N_T, A) is the largest Σ_c y_c for which y_c ≤ p s_c + A_c w_c(p) at each marginal utility p of class c, where
w_c(p) = Σ_j max(Δ(c, j) − p, 0), s_c = Σ_t z(t, c) are the sessions of the class, at most its places, and
Σ_c z(t, c) = N_t over the classes of type t. That is Σ_j Δ(c, j) x(c, j) with 0 ≤ x(c, j) ≤ A_c, without the x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from slta.core.fleet import FleetSpec
from slta.core.session_types.sets import TypeSets
from slta_planning.plan.market import AnyMarket, Floats, most_for, places_for, worths
from slta_planning.plan.session_types.loads import TypedHour

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
class TypedMarket(AnyMarket):
    """Market with session types: `loads[h, t]` sessions of type t in hour h, and the rooms that they need."""

    curves: Sequence[Curve]
    sets: TypeSets
    rooms: Sequence[Room]


def typed_market_of(spec: FleetSpec, costs: Sequence[float], hours: Sequence[TypedHour], refused: float) -> TypedMarket:
    """Market for these hours; at most the fraction `refused` of each type's sessions may be refused."""
    columns = [np.array(column) for column in spec.ranking.marginals]
    prices = [np.unique(column) for column in columns]
    loads = np.array([hour.sessions for hour in hours])
    return TypedMarket(
        np.array(costs, dtype=np.float64),
        np.array([float(len(column)) for column in columns]),
        loads,
        most_for(float(loads.sum(axis=1).max())),
        [Curve(p, worths(column, p)) for p, column in zip(prices, columns, strict=True)],
        spec.type_sets,
        rooms_for(spec.type_sets, loads, refused),
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
