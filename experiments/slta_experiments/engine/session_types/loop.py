"""Event loop for sessions of several types: placement, and the exact integral of utility."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from slta.core.policies.choice import NOTHING
from slta_experiments.engine.compiling import inner
from slta_experiments.engine.loop import Events
from slta_experiments.engine.session_types.prices import Market, Placement
from slta_experiments.engine.state import Floats, Integers, State, leave


class Meter(NamedTuple):
    """Measurements from the end of the warm-up on."""

    utility: Integers
    """U now, one element."""
    time: Floats
    """Time of the last integration, one element; the end of the warm-up at first."""
    area: Floats
    """∫U dt, one element."""
    arrived: Integers
    """Arrivals of each type."""
    refused: Integers


@inner
def integrate(meter: Meter, now: float) -> None:
    """Add the integral up to `now`."""
    span = now - meter.time[0]
    if span > 0:
        meter.area[0] += meter.utility[0] * span
        meter.time[0] = now


@inner
def count_arrival(meter: Meter, kind: int, pool: int) -> None:
    """Count a session that arrived after the warm-up, on `pool` or NOTHING."""
    meter.arrived[kind] += 1
    if pool == NOTHING:
        meter.refused[kind] += 1


@inner
def complete(state: State, market: Market, meter: Meter, kind: int, pool: int) -> None:
    """End a session."""
    c = state.pool_class[pool]
    leave(state, pool)
    market.sessions[kind] -= 1
    market.held[c] -= 1
    market.inside[kind * len(market.held) + c] -= 1
    meter.utility[0] -= market.marginals[state.base[c] + state.occupancy[pool]]


Loop = Callable[[State, Market, Events, Integers, Meter, float], None]


def event_loop(place: Placement) -> Loop:
    """`run(state, market, events, kinds, meter, horizon)`: process all events before `horizon`.

    `kinds[s]` is the type of session s. All sessions arrive; none is present at first.
    """

    def run(state: State, market: Market, events: Events, kinds: Integers, meter: Meter, horizon: float) -> None:
        arrivals, departures, pools = events.arrivals, events.departures, events.pools
        warm_up = meter.time[0]
        a, d = 0, 0
        while True:
            arriving = arrivals[a] <= departures[d]
            now = arrivals[a] if arriving else departures[d]
            if now >= horizon:
                break
            integrate(meter, now)
            if arriving:
                pool = place(state, market, kinds[a], events.draws[a])
                if now >= warm_up:
                    count_arrival(meter, kinds[a], pool)
                if pool != NOTHING:
                    meter.utility[0] += market.marginals[state.base[state.pool_class[pool]] + state.occupancy[pool] - 1]
                pools[a] = pool
                a += 1
            else:
                session = events.departing[d]
                if pools[session] != NOTHING:
                    complete(state, market, meter, kinds[session], pools[session])
                d += 1
        integrate(meter, horizon)

    return run
