"""Random fleets with session types, in integers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from slta.core.ranking import Coordinate, Ranking
from slta.core.session_types.market import Load, Market, market_of
from slta.core.session_types.sets import TypeSets


@dataclass
class World:
    """Pools by class with their occupancies, None for an inactive one, and sessions by type on the active ones."""

    sets: TypeSets
    marginals: list[list[int]]
    columns: list[list[int | None]]
    flow: list[list[int]]
    weight: int = 1
    """Sessions that each one counts for, of which only the load knows: more than there are places."""
    reserve: float = 0.5

    @property
    def pools(self) -> list[int]:
        return [sum(x is not None for x in column) for column in self.columns]

    @property
    def held(self) -> list[int]:
        return [sum(x or 0 for x in column) for column in self.columns]

    @property
    def sessions(self) -> list[int]:
        return [self.weight * sum(row) for row in self.flow]

    @property
    def load(self) -> Load:
        return Load(self.pools, self.sessions, self.held, self.flow)

    @property
    def ranking(self) -> Ranking:
        """By marginal utility; ties as no order of a file breaks them, so that neither class nor integer decides."""
        coordinates = [Coordinate(c, j + 1) for c, column in enumerate(self.marginals) for j in range(len(column))]
        coordinates.sort(key=lambda at: (-self.marginals[at.pool_class][at.level - 1], -at.pool_class, at.level))
        return Ranking(tuple(coordinates), tuple(tuple(map(float, column)) for column in self.marginals))

    @property
    def lowest(self) -> list[int]:
        return [
            min((x for x in column if x is not None), default=len(self.marginals[c]))
            for c, column in enumerate(self.columns)
        ]

    @property
    def market(self) -> Market:
        return market_of(self.sets, self.ranking.ranks, self.lowest, self.marginals, self.load, self.reserve)

    def join(self, kind: int, pool_class: int) -> None:
        """A session on the least occupied pool of the class."""
        column = self.columns[pool_class]
        k = min((k for k, x in enumerate(column) if x is not None), key=lambda k: column[k] or 0)
        column[k] = (column[k] or 0) + 1
        self.flow[kind][pool_class] += 1


def world(rng: random.Random, *, classes: int = 5, types: int = 4, capacity: int = 6, pools: int = 4) -> World:
    """At most so many of each; marginals with ties and near ties, up to 2^37."""
    count = rng.randint(1, classes)
    values = [rng.randint(-4, 9), *(rng.randint(0, rng.choice((9, 2**37))) for _ in range(5))]
    values += [value + rng.choice((-1, 1)) for value in values]
    marginals = [sorted(rng.choices(values, k=rng.randint(1, capacity)), reverse=True) for _ in range(count)]
    columns: list[list[int | None]] = [
        [rng.choice((0, 0, 0, None)) for _ in range(rng.randint(1, pools))] for _ in marginals
    ]
    sets = TypeSets(
        tuple(tuple(sorted(rng.sample(range(count), rng.randint(1, count)))) for _ in range(rng.randint(1, types)))
    )
    return World(sets, marginals, columns, [[0] * count for _ in sets.classes])


def fill(rng: random.Random, at: World, arrivals: int) -> None:
    """Sessions of random types on random classes that they may use."""
    for _ in range(arrivals):
        kind = rng.randrange(len(at.sets.classes))
        open_to = [c for c in at.sets.classes[kind] if at.lowest[c] < len(at.marginals[c])]
        if open_to:
            at.join(kind, rng.choice(open_to))


def linear_program(
    sets: TypeSets, marginals: Sequence[Sequence[float]], pools: Sequence[float], sessions: Sequence[float]
) -> tuple[float, float]:
    """The largest utility of those that can be placed at most, and how many cannot: places x, flows z, refusals y."""
    from scipy.optimize import linprog

    places = [(c, j) for c, column in enumerate(marginals) for j in range(len(column))]
    flows = [(t, c) for t, own in enumerate(sets.classes) for c in own]
    columns = len(places) + len(flows) + len(sessions)
    rows, right = [], []
    for c in range(len(pools)):
        rows.append([float(p[0] == c) for p in places] + [-float(f[1] == c) for f in flows] + [0.0] * len(sessions))
        right.append(0.0)
    for t, n in enumerate(sessions):
        own = [float(f[0] == t) for f in flows]
        rows.append([0.0] * len(places) + own + [float(other == t) for other in range(len(sessions))])
        right.append(n)
    limits = [(0, pools[c]) for c, _ in places] + [(0, None)] * (columns - len(places))
    least = linprog([0.0] * (len(places) + len(flows)) + [1.0] * len(sessions), A_eq=rows, b_eq=right, bounds=limits)
    refused = least.fun
    costs = [-float(marginals[c][j]) for c, j in places] + [0.0] * len(flows) + [1e6] * len(sessions)
    best = linprog(costs, A_eq=rows, b_eq=right, bounds=limits)
    return 1e6 * refused - best.fun, refused
