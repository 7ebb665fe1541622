"""The steps that a policy would take for the next session, from counts of pools by class and occupancy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from service.core.ranking import Coordinate, Ranking


class Place(NamedTuple):
    """`pools` pools of class `pool_class` hold `level` − 1 sessions: the next one there takes this level."""

    pool_class: int
    level: int
    pools: int


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a policy: its rule in words, the token that it goes by, and where it may place a session.

    The first step that has places decides, uniformly among their pools.
    """

    rule: str
    token: str
    places: tuple[Place, ...]

    @property
    def pools(self) -> int:
        """Among how many pools it chooses."""
        return sum(place.pools for place in self.places)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a fleet stands: its classes' `names`, the `ranking` of those with active pools, counts of pools, and r.

    `counts[i][x]` counts active pools of class i with at least x sessions; beyond the end there are none. `rank` is 0
    under a policy that keeps no r.
    """

    names: Sequence[str]
    ranking: Ranking
    counts: Sequence[Sequence[int]]
    rank: int

    def at(self, rank: int) -> Standing:
        """The same with another r."""
        return replace(self, rank=rank)

    def below(self, pool_class: int, level: int) -> tuple[Place, ...]:
        """The active pools of class i with fewer than `level` sessions, emptiest first."""
        counts = self.counts[pool_class]
        more = [*counts[1:], 0]
        return tuple(
            Place(pool_class, x + 1, counts[x] - more[x]) for x in range(min(level, len(counts))) if counts[x] > more[x]
        )

    def with_room(self) -> list[tuple[Place, ...]]:
        """By class, the active pools that are below its capacity."""
        return [self.below(i, len(marginals)) for i, marginals in enumerate(self.ranking.marginals)]

    def best_places(self) -> list[Place]:
        """The frontiers: of each class that has room, where its emptiest pools take the next session."""
        return [places[0] for places in self.with_room() if places]

    def rank_of(self, place: Place) -> int:
        """The rank of a place's coordinate."""
        return self.ranking.rank(Coordinate(place.pool_class, place.level))

    def green(self) -> list[tuple[Place, ...]]:
        """By class, the pools with a green token: x < ℓ_i(r)."""
        return [self.below(i, threshold) for i, threshold in enumerate(self.ranking.thresholds(self.rank))]

    def yellow(self) -> tuple[Place, ...]:
        """The pools with a yellow token: of class i_r, x < j_r."""
        return self.below(*self.ranking.coordinate(self.rank))


def no_steps(_: Standing) -> list[Step]:
    """Of a policy that cannot say how it will place the next session."""
    return []


def together(groups: Sequence[tuple[Place, ...]]) -> tuple[Place, ...]:
    """The places of several classes."""
    return tuple(place for places in groups for place in places)
