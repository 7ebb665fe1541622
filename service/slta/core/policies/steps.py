"""Steps of a policy for the next session, from counts of pools by class and occupancy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from slta.core.ranking import Coordinate, Ranking


class Opening(NamedTuple):
    """`pools` pools of class `pool_class` with `level` − 1 sessions: the next session there has this level."""

    pool_class: int
    level: int
    pools: int


@dataclass(frozen=True, slots=True)
class Step:
    """Step of a policy: its rule in words, its token, and its candidate places.

    The first step with places decides, uniformly among their pools.
    """

    rule: str
    token: str
    places: tuple[Opening, ...]

    @property
    def pools(self) -> int:
        """Number of candidate pools."""
        return sum(place.pools for place in self.places)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """State of a fleet: its classes' `names`, the `ranking` of those with active pools, counts of pools, and r.

    `counts[i][x]` is the number of active pools of class i with at least x sessions, 0 beyond its end. `rank` is r, or
    0 under a policy without r.
    """

    names: Sequence[str]
    ranking: Ranking
    counts: Sequence[Sequence[int]]
    rank: int

    def below(self, pool_class: int, level: int) -> tuple[Opening, ...]:
        """Active pools of class i with fewer than `level` sessions, emptiest first."""
        counts = self.counts[pool_class]
        more = [*counts[1:], 0]
        return tuple(
            Opening(pool_class, x + 1, counts[x] - more[x])
            for x in range(min(level, len(counts)))
            if counts[x] > more[x]
        )

    def with_room(self) -> list[tuple[Opening, ...]]:
        """Active pools below capacity, by class."""
        return [self.below(i, len(marginals)) for i, marginals in enumerate(self.ranking.marginals)]

    def best_places(self) -> list[Opening]:
        """Frontiers: the emptiest pools of each class with room."""
        return [places[0] for places in self.with_room() if places]

    def rank_of(self, place: Opening) -> int:
        """Rank of a place's coordinate."""
        return self.ranking.rank(Coordinate(place.pool_class, place.level))

    def green(self) -> list[tuple[Opening, ...]]:
        """Pools with a green token, by class: x < ℓ_i(r)."""
        return [self.below(i, threshold) for i, threshold in enumerate(self.ranking.thresholds(self.rank))]

    def yellow(self) -> tuple[Opening, ...]:
        """Pools with a yellow token: of class i_r, x < j_r."""
        return self.below(*self.ranking.coordinate(self.rank))


def no_steps(_: Standing) -> list[Step]:
    """`explain` of a policy that cannot predict its next placement."""
    return []


def together(groups: Sequence[tuple[Opening, ...]]) -> tuple[Opening, ...]:
    """Concatenate the places of several classes."""
    return tuple(place for places in groups for place in places)
