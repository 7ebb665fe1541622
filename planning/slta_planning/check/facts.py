"""Facts of a fleet file: order, capacity, β, ties, and thresholds and optimal occupancies at some loads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from slta.core.fleet import FleetSpec
from slta.core.optimum import optimal_assignment, optimum
from slta.core.ranking import Coordinate, tied
from slta_planning.expected_gap import usual_gap

SHARES = (0.25, 0.5, 0.75, 0.95)
"""Default loads, as fractions of the sessions that add utility."""


class Stretch(NamedTuple):
    """Consecutive ranks of one class: levels `first` to `last`, and their marginal utilities."""

    rank: int
    pool_class: int
    first: int
    last: int
    largest: float
    smallest: float


class AtLoad(NamedTuple):
    """Optimum at a load of the whole fleet (section 2.3)."""

    sessions: float
    rank: int
    coordinate: Coordinate
    thresholds: tuple[int, ...]
    occupancies: tuple[float, ...]
    """Sessions per pool of each class."""
    utility: float
    price: float
    usual_gap: float | None


class Tie(NamedTuple):
    """Levels of different classes with equal marginal utility; the order of the file decides which is filled first."""

    marginal: float
    coordinates: tuple[Coordinate, ...]


@dataclass(frozen=True)
class Facts:
    """Facts of a fleet of `pools[i]` pools; `useful` sessions add utility, `capacity` find a place."""

    pools: tuple[int, ...]
    capacity: int
    useful: int
    order: tuple[Stretch, ...]
    loads: tuple[AtLoad, ...]
    green_enough: int
    ties: tuple[Tie, ...]


def facts_of(spec: FleetSpec, pools: Sequence[int], loads: Sequence[float]) -> Facts:
    """Compute the facts at `loads`, in sessions of the whole fleet, by default at `SHARES`."""
    marginals = spec.ranking.marginals
    useful = sum(count * sum(m > 0 for m in column) for count, column in zip(pools, marginals, strict=True))
    capacity = sum(count * c.capacity for count, c in zip(pools, spec.classes, strict=True))
    chosen = loads or list(dict.fromkeys(max(1, round(share * (useful or capacity))) for share in SHARES))
    at = tuple(at_load(spec, pools, sessions) for sessions in chosen)
    most = max((one.rank for one in at), default=0)
    return Facts(
        tuple(pools), capacity, useful, _stretches(spec), at, spec.beta.min_green(max(sum(pools), 1)), _ties(spec, most)
    )


def at_load(spec: FleetSpec, pools: Sequence[int], sessions: float) -> AtLoad:
    """Optimum at one load; requires pools."""
    best, target = optimum(spec.optimal_ranking, pools, sessions), optimum(spec.ranking, pools, sessions)
    assert best is not None  # noqa: S101 - it has pools
    assert target is not None  # noqa: S101 - it has pools
    columns = optimal_assignment(spec.optimal_ranking, pools, best)
    means = tuple(sum(column[1:]) / count if count else 0.0 for column, count in zip(columns, pools, strict=True))
    thresholds = spec.ranking.thresholds(target.rank)
    usual = usual_gap(spec, pools, sessions)
    return AtLoad(sessions, target.rank, target.coordinate, thresholds, means, best.utility, best.price, usual)


def _stretches(spec: FleetSpec) -> tuple[Stretch, ...]:
    found = []
    numbered = enumerate(spec.ranking.order, start=1)
    for pool_class, ranks in groupby(numbered, key=lambda one: one[1].pool_class):
        rows = list(ranks)
        (rank, first), (_, last) = rows[0], rows[-1]
        column = spec.ranking.marginals[pool_class]
        found.append(
            Stretch(rank, pool_class, first.level, last.level, column[first.level - 1], column[last.level - 1])
        )
    return tuple(found)


def _ties(spec: FleetSpec, most_rank: int) -> tuple[Tie, ...]:
    """Ties among ranks up to `most_rank`. Equal marginals are adjacent in an order by marginals."""
    return tuple(
        Tie(spec.ranking.marginals[group[0].pool_class][group[0].level - 1], group)
        for group in tied(spec.classes, spec.optimal_ranking.order[:most_rank])
        if len({coordinate.pool_class for coordinate in group}) > 1
    )
