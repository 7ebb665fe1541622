"""Tables of a fleet for the event loop: dispatch order, session types, the dispatcher's state, and optima."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from slta.core.policies.choice import NOTHING
from slta.core.ranking import Ranking
from slta.core.session_types.market import Load, Market
from slta.core.session_types.sets import TypeSets, everywhere
from slta_experiments.engine.dispatch import COUNTERS, DispatchOrder, Memory
from slta_experiments.engine.state import State, floats, integers
from slta_experiments.fleets import FleetShape

Ids = NDArray[np.int64]
NOBODY: Ids = np.array([], dtype=np.int64)


def types_at(shape: FleetShape, state: State, sets: TypeSets, reserve: float, pools: Ids, kinds: Ids) -> Market:
    """Session types, their marginals in integers, and the sessions at time 0, of these types on these pools."""
    marginals, there = shape.integers.marginals, pools != NOTHING
    inside = np.zeros((len(sets.classes), len(marginals)), dtype=np.int64)
    np.add.at(inside, (kinds[there], np.asarray(state.pool_class)[pools[there]]), 1)
    counts = np.bincount(state.pool_class), inside.sum(axis=1), inside.sum(axis=0), inside
    width = max(map(len, marginals))
    return Market(
        members=integers([[c in own for c in range(len(marginals))] for own in sets.members]),
        marginals=integers([[*column, *[0] * (width - len(column))] for column in marginals]),
        capacity=state.capacity,
        rank=integers([0] * len(marginals)),
        lowest=state.lowest,
        load=Load(*map(integers, counts)),
        reserve=reserve,
    )


def dispatch_order(shape: FleetShape, order: Ranking, state: State, market: Market | None = None) -> DispatchOrder:
    """Flat arrays of the dispatch order and the shape's utilities; without a market one type, and no session yet."""
    ranks, marginals = [0] * len(state.below), [0.0] * len(state.below)
    for i, base in enumerate(state.base):
        ranks[base : base + len(order.ranks[i])] = order.ranks[i]
        marginals[base : base + len(shape.ranking.marginals[i])] = shape.ranking.marginals[i]
    return DispatchOrder(
        ranks=integers(ranks),
        rank_class=integers([NOTHING, *(c.pool_class for c in order.order)]),
        rank_level=integers([NOTHING, *(c.level for c in order.order)]),
        marginals=floats(marginals),
        market=market or types_at(shape, state, everywhere(len(shape.classes)), 0.0, NOBODY, NOBODY),
    )


def memory_of(shape: FleetShape, order: Ranking, rank: int, min_green: int) -> Memory:
    """Dispatcher state whose estimate of σ*'s rank is `rank`."""
    zeros = [0] * len(shape.classes)
    return Memory(
        rank=integers([rank]),
        thresholds=integers(order.thresholds(rank)),
        min_green=integers([min_green]),
        green=integers(zeros),
        room=integers(zeros),
        counters=integers([0] * COUNTERS),
    )


def optimum_table(shape: FleetShape, n: int, most: int) -> NDArray[np.float64]:
    """U*(N) for N = 0 … `most`: pools filled rank by rank (eq. 4); constant beyond the capacity."""
    pools = np.array(shape.pools(n))
    ranking = shape.ranking
    classes = np.array([c.pool_class for c in ranking.order])
    marginals = np.array([ranking.marginal_at(k) for k in range(1, len(ranking) + 1)])
    needed = int(np.searchsorted(np.cumsum(pools[classes]), most)) + 1
    table = np.concatenate(([0.0], np.cumsum(np.repeat(marginals[:needed], pools[classes[:needed]]))))
    return table[: most + 1] if len(table) > most else np.pad(table, (0, most + 1 - len(table)), mode="edge")
