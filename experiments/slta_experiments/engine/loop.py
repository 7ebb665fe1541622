"""Event loop: arrivals and departures in order of time, O(1) each, with exact integrals in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from slta.core.policies.choice import NOTHING
from slta_experiments.engine.compiling import inner
from slta_experiments.engine.dispatch import REJECTIONS, DispatchOrder, Memory, Policy
from slta_experiments.engine.state import Floats, Integers, State, leave


class Events(NamedTuple):
    """Events, the same for every policy. Sessions present at time 0 have the first numbers.

    `arrivals` and `departures` are in order of time and end with infinity; session `departing[k]` ends at
    `departures[k]`. At equal times arrivals come first, so a session may have length zero.
    """

    arrivals: Floats
    draws: Floats
    """One draw in [0, 1) per arrival."""
    departures: Floats
    departing: Integers
    pools: Integers
    """Pool of each session, filled during the run."""
    kinds: Integers
    """Type of each session."""


class Meter(NamedTuple):
    """Measurements: current totals, their integrals from the end of the warm-up, and samples at given times."""

    totals: Floats
    """N, U and the time of the last integration."""
    areas: Floats
    """∫N dt, ∫U dt, ∫U*(N) dt."""
    optimum_at: Floats
    """U*(N) for N = 0, 1, …"""
    sample_times: Floats
    """Ends with infinity."""
    samples: Floats
    """Rows of r, N, U, U*(N), the integrals so far, and `State.below`."""
    row: Integers
    """Next row, one element."""
    reached: Floats
    """reached[r]: first time of r after an arrival; infinity if never."""


SESSIONS, UTILITY, TIME = 0, 1, 2
OPTIMUM = 2
SAMPLE_AREAS = 4
SAMPLE_HEAD = 7


@inner
def sample(state: State, memory: Memory, meter: Meter) -> None:
    """Store a row of samples."""
    at = meter.row[0] * (SAMPLE_HEAD + len(state.below))
    meter.samples[at] = memory.rank[0]
    meter.samples[at + 1] = meter.totals[SESSIONS]
    meter.samples[at + 2] = meter.totals[UTILITY]
    meter.samples[at + 3] = meter.optimum_at[int(meter.totals[SESSIONS])]
    for k in range(len(meter.areas)):
        meter.samples[at + SAMPLE_AREAS + k] = meter.areas[k]
    for k in range(len(state.below)):
        meter.samples[at + SAMPLE_HEAD + k] = state.below[k]
    meter.row[0] += 1


@inner
def integrate(meter: Meter, now: float) -> None:
    """Add the integrals up to `now` at the current totals."""
    totals, areas = meter.totals, meter.areas
    span = now - totals[TIME]
    if span > 0:
        areas[SESSIONS] += totals[SESSIONS] * span
        areas[UTILITY] += totals[UTILITY] * span
        areas[OPTIMUM] += meter.optimum_at[int(totals[SESSIONS])] * span
        totals[TIME] = now


@inner
def advance(state: State, memory: Memory, meter: Meter, now: float) -> None:
    """Take due samples, and integrate up to each and up to `now`."""
    while meter.sample_times[meter.row[0]] <= now:
        integrate(meter, meter.sample_times[meter.row[0]])
        sample(state, memory, meter)
    integrate(meter, now)


@inner
def count_type(state: State, order: DispatchOrder, kind: int, pool: int, change: int) -> None:
    """Count a session of a type that begins (`change` is 1) or ends on a pool; of a single type nothing asks."""
    c = state.pool_class[pool]
    load: Any = order.market.load
    if len(load.sessions) > 1:
        load.sessions[kind] += change
        load.held[c] += change
        load.inside[kind][c] += change


@inner
def count_arrival(state: State, order: DispatchOrder, memory: Memory, meter: Meter, kind: int, pool: int) -> None:
    """Count a new session on `pool`, or NOTHING."""
    if pool == NOTHING:
        memory.counters[REJECTIONS] += 1
        return
    count_type(state, order, kind, pool, 1)
    meter.totals[SESSIONS] += 1
    level = state.base[state.pool_class[pool]] + state.occupancy[pool]
    meter.totals[UTILITY] += order.marginals[level - 1]
    rank = memory.rank[0]
    meter.reached[rank] = min(meter.reached[rank], meter.totals[TIME])


@inner
def count_departure(state: State, order: DispatchOrder, meter: Meter, kind: int, pool: int) -> None:
    """Count a session that left `pool`."""
    count_type(state, order, kind, pool, -1)
    meter.totals[SESSIONS] -= 1
    level = state.base[state.pool_class[pool]] + state.occupancy[pool]
    meter.totals[UTILITY] -= order.marginals[level]


Loop = Callable[[State, DispatchOrder, Memory, Events, Meter, float], None]


def event_loop(place: Policy) -> Loop:
    """`run(state, order, memory, events, meter, horizon)`: process all events before `horizon`."""

    def run(state: State, order: DispatchOrder, memory: Memory, events: Events, meter: Meter, horizon: float) -> None:
        arrivals, departures, pools = events.arrivals, events.departures, events.pools
        first = len(pools) - len(events.draws)
        a, d = 0, 0
        while True:
            arriving = arrivals[a] <= departures[d]
            now = arrivals[a] if arriving else departures[d]
            if now >= horizon:
                break
            advance(state, memory, meter, now)
            if arriving:
                kind = events.kinds[first + a]
                pool = place(state, order, memory, kind, events.draws[a])
                count_arrival(state, order, memory, meter, kind, pool)
                pools[first + a] = pool
                a += 1
            else:
                session = events.departing[d]
                pool = pools[session]
                if pool != NOTHING:
                    leave(state, pool)
                    count_departure(state, order, meter, events.kinds[session], pool)
                d += 1
        advance(state, memory, meter, horizon)

    return run
