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
from slta.core.session_types.prices import quote
from slta.core.session_types.sets import TypeSets, everywhere
from slta_experiments import misreadings
from slta_experiments.engine import classic, dispatch, greedy, prices
from slta_experiments.engine.compiling import outer
from slta_experiments.engine.dispatch import Policy
from slta_experiments.engine.loop import SAMPLE_AREAS, SAMPLE_HEAD, Events, Loop, Meter, event_loop
from slta_experiments.engine.state import floats, integers, state_of
from slta_experiments.engine.tables import dispatch_order, memory_of, optimum_table, types_at
from slta_experiments.fleets import FleetShape
from slta_experiments.workload import WARM_UP, Workload

PRICED, FIRST_PRICED = "JLMU with prices", "JLMU with first prices"
POLICIES: Mapping[str, Policy] = {
    "SLTA": dispatch.slta_policy(),
    "SLTA-greedy": greedy.place_by_slta_greedy,
    "JLMU": dispatch.place_by_jlmu,
    PRICED: prices.priced_policy(quote),
    FIRST_PRICED: prices.priced_policy(prices.first_quote),
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

    `pools` has each session's pool, or NOTHING if it was rejected or arrives after the horizon. `arrived` and `refused`
    are by type, after the warm-up; the gaps are to the optimum if all could use all classes.
    """

    gaps: Gaps
    counters: tuple[int, ...]
    arrivals: int
    reached: tuple[float, ...]
    samples: Samples
    pools: NDArray[np.int64]
    arrived: tuple[int, ...]
    refused: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Run:
    """Run settings; times in mean holding times, `order` to dispatch by (None: that of the utilities).

    `columns` are the occupancies at time 0 (None: the optimum for the sessions present), `rank` is r then (None: r*).
    `sets` are the classes of the session types (None: one type, all classes), `reserve` is ρ.
    """

    horizon: float
    warm_up: float = WARM_UP
    beta: Beta = Beta()
    order: Ranking | None = None
    columns: Sequence[Sequence[int]] | None = None
    rank: int | None = None
    sample_times: Sequence[float] = ()
    sets: TypeSets | None = None
    reserve: float = 0.0

    @property
    def span(self) -> float:
        """Measured time."""
        return self.horizon - self.warm_up


@cache
def loop_of(policy: str) -> Loop:
    """Event loop of this policy, compiled if possible."""
    return outer(event_loop(POLICIES[policy]), policy)


def simulate(shape: FleetShape, n: int, policy: str, workload: Workload, run: Run) -> Outcome:
    """Simulate `workload` to `run.horizon`, with averages from `run.warm_up` on. O(events + pools + levels)."""
    columns, dispatched = run.columns or optimal_columns(shape, n, workload.initial), run.order or shape.ranking
    state = state_of(columns, shape.capacities)
    events = events_of(workload, columns)
    placed, sets = np.asarray(events.pools), run.sets or everywhere(len(shape.classes))
    market = types_at(shape, state, sets, run.reserve, placed, workload.kinds)
    order = dispatch_order(shape, dispatched, state, market)
    rank = run.rank or shape.optimum(n, workload.initial).rank
    memory = memory_of(shape, dispatched, rank, run.beta.min_green(n))
    meter = meter_of(shape, n, run, workload.most, columns)
    loop_of(policy)(state, order, memory, events, meter, run.horizon)
    first, arrivals = np.searchsorted(workload.arrivals, [run.warm_up, run.horizon])
    placed, types = np.asarray(events.pools), len(sets.classes)
    measured = slice(workload.initial + first, workload.initial + arrivals)
    refused = workload.kinds[measured][placed[measured] == NOTHING]
    return Outcome(
        gaps=gaps_of(shape, n, run, meter),
        counters=tuple(int(c) for c in memory.counters),
        arrivals=int(arrivals),
        reached=tuple(float(t) for t in meter.reached),
        samples=samples_of(n, run, meter),
        pools=placed,
        arrived=counts(workload.kinds[measured], types),
        refused=counts(refused, types),
    )


def counts(kinds: NDArray[np.int64], types: int) -> tuple[int, ...]:
    """Number of sessions of each type."""
    return tuple(map(int, np.bincount(kinds, minlength=types)))


def optimal_columns(shape: FleetShape, n: int, sessions: int) -> list[list[int]]:
    """Occupancies of an optimal assignment of this number of sessions (eq. 4)."""
    best = shape.optimum(n, sessions)
    thresholds = shape.ranking.thresholds(best.rank)
    columns = []
    for i, (pools, threshold) in enumerate(zip(shape.pools(n), thresholds, strict=True)):
        extra = int(best.filled) if i == best.coordinate.pool_class else 0
        columns.append([threshold + 1] * extra + [threshold] * (pools - extra))
    return columns


def meter_of(shape: FleetShape, n: int, run: Run, most: int, columns: Sequence[Sequence[int]]) -> Meter:
    """Meter at zero, except for the totals at time 0: `columns`; there are at most `most` sessions."""
    values = [np.concatenate(([0.0], np.cumsum(m))) for m in shape.ranking.marginals]
    utility = sum(float(v[np.asarray(c, dtype=np.int64)].sum()) for v, c in zip(values, columns, strict=True))
    width = SAMPLE_HEAD + sum(capacity + 2 for capacity in shape.capacities)
    return Meter(
        totals=floats([sum(map(sum, columns)), utility, run.warm_up]),
        areas=floats([0.0, 0.0, 0.0]),
        optimum_at=floats(optimum_table(shape, n, most)),
        sample_times=floats([*run.sample_times, np.inf]),
        samples=floats(np.zeros(len(run.sample_times) * width)),
        row=integers([0]),
        reached=floats(np.full(len(shape.ranking) + 1, np.inf)),
    )


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
        kinds=integers(workload.kinds),
    )


def gaps_of(shape: FleetShape, n: int, run: Run, meter: Meter) -> Gaps:
    """Averages per pool, and their bound."""
    sessions, utility, best = (float(area) / run.span for area in meter.areas)
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
