"""Fleet whose pools start, drain and end on simulated days: what a scaler sees of it each minute, and may do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import NamedTuple

import numpy as np

from slta.core.policies.choice import NOTHING
from slta.core.session_types.sets import TypeSets
from slta.core.utility import CappedLinearUtility, LinearUtility, PoolClass, QuadraticUtility
from slta_experiments.engine.dispatch import REJECTIONS
from slta_experiments.engine.loop import Meter
from slta_experiments.engine.simulate import Run, events_of, loop_of, meter_of
from slta_experiments.engine.state import floats, state_of
from slta_experiments.engine.tables import NOBODY, dispatch_order, memory_of, types_at
from slta_experiments.fleets import FleetShape
from slta_experiments.workload import Floats, Integers, Workload, generator, typed, varying

CLASSES = (
    PoolClass("quality", QuadraticUtility(Fraction(2), Fraction(-1, 20)), 16),
    PoolClass("steady", CappedLinearUtility(Fraction(3, 2), Fraction(10)), 16),
    PoolClass("bulk", LinearUtility(Fraction(1)), 20),
)
COSTS = (1.2, 1.0, 0.8)
FLOOR, LOAD = 1.3, 300.0
"""Minimum utility per session; mean sessions."""
MOST = 100
"""Slots for pools of each class."""
AWAY = MOST * len(CLASSES)
BOTH = FleetShape("both", CLASSES * 2, (MOST,) * 2 * len(CLASSES))
"""The classes of active pools, and again those of draining ones, which no session may use."""
SETS = TypeSets((tuple(range(len(CLASSES))),))
FULL = np.repeat(BOTH.capacities, MOST)
VALUES = np.array([np.pad(np.append(0.0, np.cumsum(own)), (0, 20 - len(own))) for own in BOTH.ranking.marginals])
DAY, BEFORE, WINDOW = 1440, 120, 5
"""Minutes of a day, of the time before it, and of a window."""
DAYS = PLAIN, SPIKES, NOISY = "plain", "with spikes", "noisy"
OFF, STARTING, ACTIVE, DRAINING = range(4)
"""Status of a slot."""


@dataclass(frozen=True)
class Trial:
    """A day and how its fleet is scaled; `stay` and `starts`, the time that a pool of each class needs, in minutes."""

    day: str
    rule: str
    seed: int
    stay: int = 12
    starts: tuple[int, ...] = (2, 2, 2)


class Minute(NamedTuple):
    """Means of a minute: sessions and utility of all pools, sessions on active ones, cost; sessions new and refused."""

    sessions: float
    utility: float
    active: float
    cost: float
    assigned: int
    refused: int


def loads(day: str, seed: int) -> Floats:
    """Offered load of each minute: a sine; an hour with 1.5 to 2.2 times as much, or noise of 20 %."""
    draws, minutes = generator(29, seed), np.arange(-BEFORE, DAY + 1)
    found = LOAD * (1 - 0.65 * np.cos(2 * np.pi * minutes / DAY))
    if day == SPIKES:
        start, length = BEFORE + int(draws.integers(DAY - 60)), int(draws.integers(20, 61))
        found[start : start + length] *= draws.uniform(1.5, 2.2)
    if day == NOISY:
        noise = np.zeros(len(minutes))
        for minute, own in enumerate(draws.normal(size=len(minutes) - 1), start=1):
            noise[minute] = 0.98 * noise[minute - 1] + 0.04 * own
        found *= np.exp(noise)
    return found


@cache
def workload_of(day: str, seed: int, stay: int) -> Workload:
    """Sessions that all rules meet."""
    by_minute, draws = loads(day, seed), generator(31, seed, stay, len(day))
    end = (BEFORE + DAY) / stay
    return typed(draws, [varying(draws, lambda t: by_minute[(t * stay).astype(int)], float(by_minute.max()), end)])


class World:
    """Pools and sessions of a trial. The pool of a slot has its number in the engine, plus `AWAY` while it drains.

    Slots without a pool that is up are full there, so that nothing is placed on them.
    """

    def __init__(self, trial: Trial, pools: Sequence[int]) -> None:
        """With these pools of each class."""
        self.trial, self.minute, self.cut = trial, 0, 0
        self.status, self.since = np.zeros((2, AWAY), dtype=np.int64)
        self._events, self._occupancy = events_of(workload_of(trial.day, trial.seed, trial.stay), [[0]]), FULL.copy()
        for c, count in enumerate(pools):
            self.start(c, count)
        self._open(0)

    def sessions(self, slots: Integers | int) -> Integers:
        """Sessions on the pools of these slots."""
        held: Integers = self._occupancy[slots + AWAY * (self.status[slots] == DRAINING)]
        return np.where(self.status[slots] >= ACTIVE, held, 0)

    def slots(self, c: int, *statuses: int) -> Integers:
        """Slots of a class, emptiest pool first, of equals the newest."""
        own = np.arange(c * MOST, (c + 1) * MOST)
        own = own[np.isin(self.status[own], statuses)]
        return own[np.lexsort((-self.since[own], self.sessions(own)))]

    def start(self, c: int, count: int) -> None:
        """Start so many pools of a class."""
        slots = self.slots(c, OFF)[:count]
        self.status[slots], self.since[slots] = STARTING, self.minute

    def _open(self, wait: int) -> None:
        """Activate pools that have started for their class's time, which `wait` multiplies."""
        due = self.since + wait * np.repeat(self.trial.starts, MOST) <= self.minute
        slots = np.flatnonzero((self.status == STARTING) & due)
        self.status[slots], self._occupancy[slots] = ACTIVE, 0

    def move(self, slots: Iterable[int], status: int) -> None:
        """Drain active pools, return draining ones, or end pools, which cuts their sessions."""
        for slot in slots:
            left = int(self.sessions(slot))
            old, new = (slot + AWAY * (s == DRAINING) for s in (self.status[slot], status))
            self.status[slot], self._occupancy[old] = status, FULL[old]
            if status != OFF:
                self._occupancy[new] = left
            self.cut += left * (status == OFF)
            self._events.pools[self._events.pools == old] = NOTHING if status == OFF else new

    def next(self) -> Minute:
        """Simulate a minute, then open the pools that are ready."""
        up = np.flatnonzero(self.status >= ACTIVE)
        away = up[self.status[up] == DRAINING]
        cost = np.repeat(COSTS, MOST)[self.status > OFF].sum()
        before, meter, assigned, refused = self.sessions(away).sum(), *self._run(up)
        sessions, utility, _ = meter.areas * self.trial.stay
        draining = (before + self.sessions(away).sum()) / 2
        self.minute += 1
        self._open(1)
        return Minute(sessions, utility, sessions - draining, cost, assigned, refused)

    def _run(self, up: Integers) -> tuple[Meter, int, int]:
        start, end = self.minute / self.trial.stay, (self.minute + 1) / self.trial.stay
        columns = [*self._occupancy.reshape(2 * len(CLASSES), MOST)]
        state = state_of(columns, BOTH.capacities)
        order = dispatch_order(BOTH, BOTH.ranking, state, types_at(BOTH, state, SETS, 0.0, NOBODY, NOBODY))
        memory, held = memory_of(BOTH, BOTH.ranking, 1, 1), self.sessions(up)
        every, (first, last) = self._events, np.searchsorted(self._events.arrivals, [start, end])
        ended = np.searchsorted(every.departures, start)
        later = every._replace(arrivals=every.arrivals[first:], draws=every.draws[first:])
        events = later._replace(departures=every.departures[ended:], departing=every.departing[ended:])
        totals = floats([held.sum(), VALUES[up // MOST, held].sum(), start])
        most = held.sum() + last - first
        meter = meter_of(BOTH, 2 * AWAY, Run(horizon=end, warm_up=start), most, columns)._replace(totals=totals)
        loop_of("JLMU")(state, order, memory, events, meter, end)
        self._occupancy = state.occupancy
        refused = int(memory.counters[REJECTIONS])
        return meter, last - first - refused, refused
