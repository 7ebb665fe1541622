"""Simulation of a placement of typed sessions on one fleet and one workload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from slta.core.fleet import RESERVE
from slta.core.integers import integer_utilities
from slta.core.policies.choice import NOTHING
from slta.core.session_types.sets import TypeSets
from slta_experiments.engine.compiling import outer
from slta_experiments.engine.loop import Events
from slta_experiments.engine.session_types.loop import Loop, Meter, event_loop
from slta_experiments.engine.session_types.prices import Market, Placement, choose_by_price, choose_by_rank, placement
from slta_experiments.engine.state import Integers, State, floats, integers, state_of
from slta_experiments.fleets import FleetShape
from slta_experiments.workload import TypedWorkload

PLACEMENTS: Mapping[str, Placement] = {"JLMU": placement(choose_by_rank), "price": placement(choose_by_price)}


@dataclass(frozen=True)
class Rule:
    """A row of PLACEMENTS, ρ, and whether the price is as it was first: see `Market`."""

    placement: str
    reserve: float = RESERVE
    counts_all: bool = False


@dataclass(frozen=True)
class Averages:
    """Averages of the whole fleet from the warm-up to the horizon; `arrived` and `refused` by type.

    `pools` has each session's pool, or NOTHING if it was refused or arrives after the horizon.
    """

    utility: float
    arrived: tuple[int, ...]
    refused: tuple[int, ...]
    pools: NDArray[np.int64]


@dataclass(frozen=True)
class Span:
    """Measured time of a run, in mean holding times."""

    warm_up: float
    horizon: float


@cache
def loop_of(policy: str) -> Loop:
    """Event loop of this placement, compiled if possible."""
    return outer(event_loop(PLACEMENTS[policy]), f"session types, {policy}")


def simulate(
    shape: FleetShape, n: int, sets: TypeSets, rule: str | Rule, workload: TypedWorkload, span: Span
) -> Averages:
    """Simulate `workload` from an empty fleet to the horizon. O(classes² · types) per event."""
    rule = Rule(rule) if isinstance(rule, str) else rule
    state = state_of([[0] * pools for pools in shape.pools(n)], shape.capacities)
    utilities = integer_utilities(shape.ranking)
    market, meter, events = (
        market_of(shape, n, sets, rule, state),
        meter_of(len(sets.classes), span),
        events_of(workload),
    )
    loop_of(rule.placement)(state, market, events, integers(workload.kinds), meter, span.horizon)
    return Averages(
        utility=utilities.to_utility(float(meter.area[0]) / (span.horizon - span.warm_up)),
        arrived=tuple(map(int, meter.arrived)),
        refused=tuple(map(int, meter.refused)),
        pools=np.asarray(events.pools),
    )


def market_of(shape: FleetShape, n: int, sets: TypeSets, rule: Rule, state: State) -> Market:
    """Types and utilities as flat arrays; no sessions."""
    utilities, m, kinds = integer_utilities(shape.ranking), len(shape.classes), range(len(sets.classes))
    marginals, ranks = [0] * len(state.below), [0] * len(state.below)
    for c, base in enumerate(state.base):
        marginals[base : base + len(utilities.marginals[c])] = utilities.marginals[c]
        ranks[base : base + len(shape.ranking.ranks[c])] = shape.ranking.ranks[c]
    return Market(
        members=integers([int(c in own) for own in sets.members for c in range(m)]),
        rivals=integers([int(t in sets.rivals[k]) for k in kinds for t in kinds]),
        ranks=integers(ranks),
        marginals=integers(marginals),
        pools=integers(shape.pools(n)),
        sessions=zeros(len(kinds)),
        held=zeros(m),
        inside=zeros(m * len(kinds)),
        reserve=floats([rule.reserve]),
        counts_all=integers([rule.counts_all]),
        kept=zeros(m),
        rank=zeros(m),
        now=zeros(m),
        best=zeros(len(kinds)),
        first=zeros(len(kinds)),
        second=zeros(len(kinds)),
    )


def meter_of(kinds: int, span: Span) -> Meter:
    """Meter at zero."""
    return Meter(zeros(1), floats([span.warm_up]), floats([0.0]), zeros(kinds), zeros(kinds))


def events_of(workload: TypedWorkload) -> Events:
    """Events of a run, no session placed."""
    sessions = workload.sessions
    return Events(
        arrivals=floats(np.append(sessions.arrivals, np.inf)),
        draws=floats(sessions.draws),
        departures=floats(np.append(sessions.departures, np.inf)),
        departing=integers(sessions.departing),
        pools=integers(np.full(sessions.sessions, NOTHING)),
    )


def zeros(count: int) -> Integers:
    """Array of zeros."""
    return integers([0] * count)
