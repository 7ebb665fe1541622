"""Event loop for sessions of several types: placement, the kept optimum, and exact integrals of both utilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from slta.core.policies.choice import NOTHING
from slta_experiments.engine.compiling import inner
from slta_experiments.engine.loop import Events
from slta_experiments.engine.session_types.assignment import Assignment, add, remove
from slta_experiments.engine.session_types.prices import Market, Placement
from slta_experiments.engine.state import Floats, Integers, State, leave


class Meter(NamedTuple):
    """Measurements from the end of the warm-up on."""

    utility: Integers
    """U now, one element."""
    time: Floats
    """Time of the last integration, one element; the end of the warm-up at first."""
    areas: Floats
    """∫U dt, ∫U* dt, then ∫N_t dt of each type."""
    arrived: Integers
    """Arrivals of each type."""
    refused: Integers


UTILITY, OPTIMUM, TYPES = 0, 1, 2


@inner
def integrate(market: Market, assignment: Assignment, meter: Meter, now: float) -> None:
    """Add the integrals up to `now`. O(types)."""
    span = now - meter.time[0]
    if span > 0:
        meter.areas[UTILITY] += meter.utility[0] * span
        meter.areas[OPTIMUM] += assignment.utility[0] * span
        for t in range(len(market.sessions)):
            meter.areas[TYPES + t] += market.sessions[t] * span
        meter.time[0] = now


@inner
def count_arrival(meter: Meter, kind: int, pool: int) -> None:
    """Count a session that arrived after the warm-up, on `pool` or NOTHING."""
    meter.arrived[kind] += 1
    if pool == NOTHING:
        meter.refused[kind] += 1


@inner
def begin(state: State, market: Market, assignment: Assignment, meter: Meter, kind: int, pool: int) -> None:
    """Count the utility of a session that was placed on `pool`."""
    level = state.base[state.pool_class[pool]] + state.occupancy[pool]
    meter.utility[0] += market.marginals[level - 1]
    add(assignment, kind)


@inner
def complete(state: State, market: Market, assignment: Assignment, meter: Meter, kind: int, pool: int) -> None:
    """End a session."""
    c = state.pool_class[pool]
    leave(state, pool)
    market.sessions[kind] -= 1
    market.held[c] -= 1
    meter.utility[0] -= market.marginals[state.base[c] + state.occupancy[pool]]
    remove(assignment, kind)


Loop = Callable[[State, Market, Assignment, Events, Integers, Meter, float], None]


def event_loop(place: Placement) -> Loop:
    """`run(state, market, assignment, events, kinds, meter, horizon)`: process all events before `horizon`.

    `kinds[s]` is the type of session s. All sessions arrive; none is present at first.
    """

    def run(
        state: State,
        market: Market,
        assignment: Assignment,
        events: Events,
        kinds: Integers,
        meter: Meter,
        horizon: float,
    ) -> None:
        arrivals, departures, pools = events.arrivals, events.departures, events.pools
        warm_up = meter.time[0]
        a, d = 0, 0
        while True:
            arriving = arrivals[a] <= departures[d]
            now = arrivals[a] if arriving else departures[d]
            if now >= horizon:
                break
            integrate(market, assignment, meter, now)
            if arriving:
                pool = place(state, market, kinds[a], events.draws[a])
                if now >= warm_up:
                    count_arrival(meter, kinds[a], pool)
                if pool != NOTHING:
                    begin(state, market, assignment, meter, kinds[a], pool)
                pools[a] = pool
                a += 1
            else:
                session = events.departing[d]
                if pools[session] != NOTHING:
                    complete(state, market, assignment, meter, kinds[session], pools[session])
                d += 1
        integrate(market, assignment, meter, horizon)

    return run
