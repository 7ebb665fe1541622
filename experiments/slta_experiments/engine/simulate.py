"""Simulation of one policy on one fleet and one workload, with the gaps of `slta.core.gaps`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from slta.core.gaps import Averages, Gaps, gaps
from slta.core.policies.choice import NOTHING
from slta.core.policies.tokens import Beta
from slta.core.ranking import Ranking
from slta_experiments import misreadings
from slta_experiments.engine import classic, dispatch, greedy
from slta_experiments.engine.compiling import outer
from slta_experiments.engine.dispatch import COUNTERS, DispatchOrder, Memory, Policy
from slta_experiments.engine.loop import SAMPLE_AREAS, SAMPLE_HEAD, Events, Loop, Meter, event_loop
from slta_experiments.engine.state import State, floats, integers, state_of
from slta_experiments.fleets import FleetShape
from slta_experiments.workload import WARM_UP, Workload

POLICIES: Mapping[str, Policy] = {
    "SLTA": dispatch.slta_policy(),
    "SLTA-greedy": greedy.place_by_slta_greedy,
    "JLMU": dispatch.place_by_jlmu,
    "random": classic.place_at_random,
    "round robin": classic.place_in_turn,
    "two choices": classic.place_on_less_occupied_of_two,
    **misreadings.MISREADINGS,
}


@dataclass(frozen=True)
class Samples:
    """Samples at `times`: r, sessions per pool, u and u*(s) per pool, and `below` (see `State`).

    `areas` are ∫N, ∫U and ∫U*(N) of the whole fleet from the end of the warm-up.
    """

    times: NDArray[np.float64]
    rank: NDArray[np.float64]
    sessions: NDArray[np.float64]
    utility: NDArray[np.float64]
    optimum: NDArray[np.float64]
    areas: NDArray[np.float64]
    below: NDArray[np.float64]

    def assignment(self, shape: FleetShape, n: int, row: int) -> list[list[float]]:
        """q at one of the times: of all pools, `q[i][j]` are of class i with at least j sessions."""
        columns, at = [], 0
        for pools, capacity in zip(shape.pools(n), shape.capacities, strict=True):
            columns.append([float(pools - b) / n for b in self.below[row, at : at + capacity + 1]])
            at += capacity + 2
        return columns


@dataclass(frozen=True)
class Outcome:
    """Averages per pool, their gaps, counters, first times of each r, and samples of a run.

    `pools` has each session's pool, or NOTHING if it was rejected or arrives after the horizon.
    """

    gaps: Gaps
    counters: tuple[int, ...]
    arrivals: int
    reached: tuple[float, ...]
    samples: Samples
    pools: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Run:
    """Run settings; times in mean holding times, `order` to dispatch by (None: that of the utilities).

    `columns` are the occupancies at time 0 (None: the optimum for the sessions present), `rank` is r then (None: r*).
    """

    horizon: float
    warm_up: float = WARM_UP
    beta: Beta = Beta()
    order: Ranking | None = None
    columns: Sequence[Sequence[int]] | None = None
    rank: int | None = None
    sample_times: Sequence[float] = ()


@cache
def loop_of(policy: str) -> Loop:
    """Event loop of this policy, compiled if possible."""
    return outer(event_loop(POLICIES[policy]), policy)


def simulate(shape: FleetShape, n: int, policy: str, workload: Workload, run: Run) -> Outcome:
    """Simulate `workload` to `run.horizon`, with averages from `run.warm_up` on. O(events + pools + levels)."""
    columns = run.columns or optimal_columns(shape, n, workload.initial)
    state = state_of(columns, shape.capacities)
    order = dispatch_order(shape, run.order or shape.ranking, state)
    rank = run.rank or shape.optimum(n, workload.initial).rank
    memory = memory_of(shape, run.order or shape.ranking, rank, run.beta.min_green(n))
    meter = meter_of(shape, n, run, workload, order)
    events = events_of(workload, columns)
    loop_of(policy)(state, order, memory, events, meter, run.horizon)
    arrivals = int(np.searchsorted(workload.arrivals, run.horizon))
    return Outcome(
        gaps=gaps_of(shape, n, run, meter),
        counters=tuple(int(c) for c in memory.counters),
        arrivals=arrivals,
        reached=tuple(float(t) for t in meter.reached),
        samples=samples_of(n, run, meter),
        pools=np.asarray(events.pools),
    )


def optimal_columns(shape: FleetShape, n: int, sessions: int) -> list[list[int]]:
    """Occupancies of an optimal assignment of this number of sessions (eq. 4)."""
    best = shape.optimum(n, sessions)
    thresholds = shape.ranking.thresholds(best.rank)
    columns = []
    for i, (pools, threshold) in enumerate(zip(shape.pools(n), thresholds, strict=True)):
        extra = int(best.filled) if i == best.coordinate.pool_class else 0
        columns.append([threshold + 1] * extra + [threshold] * (pools - extra))
    return columns


def dispatch_order(shape: FleetShape, order: Ranking, state: State) -> DispatchOrder:
    """Flat arrays of the dispatch order and the shape's utilities."""
    ranks, marginals = [0] * len(state.below), [0.0] * len(state.below)
    for i, base in enumerate(state.base):
        ranks[base : base + len(order.ranks[i])] = order.ranks[i]
        marginals[base : base + len(shape.ranking.marginals[i])] = shape.ranking.marginals[i]
    return DispatchOrder(
        ranks=integers(ranks),
        rank_class=integers([NOTHING, *(c.pool_class for c in order.order)]),
        rank_level=integers([NOTHING, *(c.level for c in order.order)]),
        marginals=floats(marginals),
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


def meter_of(shape: FleetShape, n: int, run: Run, workload: Workload, order: DispatchOrder) -> Meter:
    """Meter at zero, except for the totals at time 0."""
    columns = run.columns or optimal_columns(shape, n, workload.initial)
    values = [np.concatenate(([0.0], np.cumsum(m))) for m in shape.ranking.marginals]
    utility = sum(float(v[np.asarray(c, dtype=np.int64)].sum()) for v, c in zip(values, columns, strict=True))
    width = SAMPLE_HEAD + len(order.marginals)
    return Meter(
        totals=floats([sum(map(sum, columns)), utility, run.warm_up]),
        areas=floats([0.0, 0.0, 0.0]),
        optimum_at=floats(optimum_table(shape, n, most_sessions(workload))),
        sample_times=floats([*run.sample_times, np.inf]),
        samples=floats(np.zeros(len(run.sample_times) * width)),
        row=integers([0]),
        reached=floats(np.full(len(order.rank_class), np.inf)),
    )


def most_sessions(workload: Workload) -> int:
    """Maximum of concurrent sessions; at equal times arrivals come first."""
    left = np.searchsorted(workload.departures, workload.arrivals)
    return workload.initial + int((np.arange(1, len(left) + 1) - left).max(initial=0))


def events_of(workload: Workload, columns: Sequence[Sequence[int]]) -> Events:
    """Events of a run; sessions present at time 0 are on the pools of `columns`; excess ones are unplaced."""
    occupancy = np.concatenate([np.asarray(c, dtype=np.int64) for c in columns])
    pools = np.full(workload.sessions, NOTHING)
    present = np.repeat(np.arange(len(occupancy)), occupancy)
    pools[: len(present)] = present
    return Events(
        arrivals=floats(np.append(workload.arrivals, np.inf)),
        draws=floats(workload.draws),
        departures=floats(np.append(workload.departures, np.inf)),
        departing=integers(workload.departing),
        pools=integers(pools),
    )


def gaps_of(shape: FleetShape, n: int, run: Run, meter: Meter) -> Gaps:
    """Averages per pool, and their bound."""
    span = run.horizon - run.warm_up
    sessions, utility, best = (float(area) / span for area in meter.areas)
    measured = gaps(shape.ranking, Averages(tuple(map(float, shape.pools(n))), sessions, utility, best))
    assert measured is not None  # noqa: S101 - a fleet has pools
    return measured


def samples_of(n: int, run: Run, meter: Meter) -> Samples:
    """Samples per pool."""
    count = len(run.sample_times)
    rows = np.asarray(meter.samples).reshape(count, len(meter.samples) // count if count else SAMPLE_HEAD)
    return Samples(
        times=np.asarray(run.sample_times, dtype=np.float64),
        rank=rows[:, 0],
        sessions=rows[:, 1] / n,
        utility=rows[:, 2] / n,
        optimum=rows[:, 3] / n,
        areas=rows[:, SAMPLE_AREAS:SAMPLE_HEAD],
        below=rows[:, SAMPLE_HEAD:],
    )
