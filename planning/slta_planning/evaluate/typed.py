"""Replay of a log whose sessions have types, event by event, as recorded and by JLMU without and with prices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from slta.core.fleet import FleetSpec
from slta.core.policies.choice import NOTHING
from slta.core.ranking import Coordinate
from slta.core.session_types.market import Load, Offer, market_of
from slta.core.session_types.prices import choose
from slta.core.session_types.sets import everywhere
from slta_experiments.workload import Floats
from slta_planning.evaluate.active_pools import Epoch, Places
from slta_planning.evaluate.assignment import Assignment
from slta_planning.evaluate.trajectory import Sessions, Trajectory

Offers = Sequence[Offer | None]
Kinds = NDArray[np.int64]


@dataclass(frozen=True)
class TypedSessions(Sessions):
    """Sessions with the number of their type."""

    kinds: Kinds


UTILITIES = slice(1, 4)
"""Columns of `TypedFleet.figures` that are utilities."""
Chooser = Callable[["TypedFleet", int, int], int]
"""The place for a session of this number and type, NOTHING if it is refused."""


class TypedFleet:
    """Occupancy of each pool through one replay, with U, U*(N_1 … N_T, A) and U*(N, A) in the store's integers.

    `classes[p]` is the class of the pool at place p.
    """

    def __init__(self, spec: FleetSpec, classes: Places) -> None:
        self.spec = spec
        self.classes = [int(c) for c in classes]
        self.marginals = spec.integers.marginals
        self.occupancy = [0] * len(classes)
        self.sessions = [0] * len(spec.type_names)
        self.held = [0] * len(spec.classes)
        self.inside = [[0] * len(spec.classes) for _ in spec.type_names]
        self.utility = 0
        self.activate([])

    def activate(self, places: Sequence[int]) -> None:
        """Make these pools the active ones. Others have no session."""
        self.pools = [0] * len(self.held)
        self._at: list[dict[int, dict[int, None]]] = [{} for _ in self.held]
        for place in places:
            self.pools[self.classes[place]] += 1
            self._at[self.classes[place]].setdefault(self.occupancy[place], {})[place] = None
        sets, every = self.spec.type_sets, everywhere(len(self.held))
        self._best = Assignment.of(sets, self.pools, self.marginals, self.sessions)
        self._free = Assignment.of(every, self.pools, self.marginals, [sum(self.sessions)])

    @property
    def figures(self) -> list[int]:
        """N, U, U*(N, A), U*(N_1 … N_T, A) and each N_t."""
        return [sum(self.sessions), self.utility, self._free.utility, self._best.utility, *self.sessions]

    def is_free(self, place: int) -> bool:
        """Whether a pool has room for one session more."""
        return self.occupancy[place] < len(self.marginals[self.classes[place]])

    def offers(self) -> Offers:
        """Best free place of each class."""
        found: list[Offer | None] = []
        for c, at in enumerate(self._at):
            level = min(at, default=len(self.marginals[c])) + 1
            has_room = level <= len(self.marginals[c])
            rank = self.spec.ranking.rank(Coordinate(c, level)) if has_room else 0
            found.append(Offer(rank, level, self.marginals[c][level - 1]) if has_room else None)
        return found

    def load(self) -> Load:
        """What prices are of."""
        return Load(self.pools, self.sessions, self.held, self.inside)

    def emptiest(self, pool_class: int, draw: float) -> int:
        """A pool at the class's frontier, by `draw` in [0, 1)."""
        open_pools = sorted(self._at[pool_class][min(self._at[pool_class])])
        return open_pools[int(draw * len(open_pools))]

    def change(self, place: int, kind: int, change: int) -> None:
        """A session of this type begins on an active pool (`change` is 1) or ends there (-1)."""
        c = self.classes[place]
        before, after = self.occupancy[place], self.occupancy[place] + change
        del self._at[c][before][place]
        if not self._at[c][before]:
            del self._at[c][before]
        self._at[c].setdefault(after, {})[place] = None
        self.occupancy[place] = after
        self.utility += change * self.marginals[c][max(before, after) - 1]
        self.held[c] += change
        self.sessions[kind] += change
        self.inside[kind][c] += change
        if change > 0:
            self._best.add(kind)
            self._free.add(0)
        else:
            self._best.remove(kind)
            self._free.remove(0)


def recorded(places: Places) -> Chooser:
    """The place of each session in the log; refused if it has no room."""

    def chooser(fleet: TypedFleet, session: int, _kind: int) -> int:
        place = int(places[session])
        return place if fleet.is_free(place) else NOTHING

    return chooser


def jlmu(draws: Floats, *, with_prices: bool) -> Chooser:
    """JLMU among the classes of the type, whose offers are lowered by prices or not."""

    def chooser(fleet: TypedFleet, session: int, kind: int) -> int:
        offers = fleet.offers()
        if with_prices:
            spec = fleet.spec
            pool_class, _ = choose(market_of(spec.type_sets, offers, fleet.marginals, fleet.load(), spec.reserve), kind)
        else:
            found = [(offer.rank, c) for c in fleet.spec.type_sets.classes[kind] if (offer := offers[c])]
            pool_class = min(found, default=(0, NOTHING))[1]
        return fleet.emptiest(pool_class, float(draws[session])) if pool_class != NOTHING else NOTHING

    return chooser


def typed_trajectory(
    fleet: TypedFleet, epochs: Sequence[Epoch], sessions: TypedSessions, choose_place: Chooser, times: Sequence[float]
) -> Trajectory:
    """Replay all epochs; of each session that was refused `refused` counts the type.

    Columns of the areas are the integrals of `TypedFleet.figures`. Sessions on a pool that leaves are placed anew.
    """
    replay = _Replay(fleet, sessions, choose_place)
    at = sorted({*times, *(t for epoch in epochs for t in (epoch.begin, epoch.end))})
    begins = {epoch.begin: epoch for epoch in epochs}
    rows, held = [], []
    for time in at:
        replay.advance(time)
        rows.append(replay.areas.copy())
        held.append(sum(fleet.sessions) / max(1, sum(fleet.pools)))
        if time in begins:
            replay.enter(begins[time])
    areas = np.array(rows)
    areas[:, UTILITIES] /= 10.0**fleet.spec.integers.exponent
    refused = dict(zip(fleet.spec.type_names, replay.refused, strict=True))
    return Trajectory(np.array(at), areas, np.array(held), replay.places, refused)


class _Replay:
    """Events of one placement in order of time."""

    def __init__(self, fleet: TypedFleet, sessions: TypedSessions, choose_place: Chooser) -> None:
        self.fleet, self.sessions, self._choose = fleet, sessions, choose_place
        self.places = np.full(len(sessions.starts), NOTHING)
        self.areas = np.zeros(len(fleet.figures))
        self.refused = [0] * len(fleet.sessions)
        self._time, self._next = 0.0, 0
        self._ends: list[tuple[float, int]] = []

    def advance(self, time: float) -> None:
        """All events before a time."""
        for at, session, begins in self._events(time):
            self._integrate(at)
            if begins:
                self._begin(session)
            else:
                self.fleet.change(int(self.places[session]), int(self.sessions.kinds[session]), -1)
        self._integrate(time)

    def _events(self, time: float) -> Iterator[tuple[float, int, bool]]:
        starts = self.sessions.starts
        while True:
            start = float(starts[self._next]) if self._next < len(starts) else np.inf
            end = self._ends[0][0] if self._ends else np.inf
            if min(start, end) >= time:
                return
            if end <= start:
                at, session = heappop(self._ends)
                yield at, session, False
            else:
                self._next += 1
                yield start, self._next - 1, True

    def _integrate(self, time: float) -> None:
        self.areas += np.array(self.fleet.figures, dtype=float) * (time - self._time)
        self._time = time

    def _begin(self, session: int) -> None:
        kind = int(self.sessions.kinds[session])
        place = self._choose(self.fleet, session, kind)
        self.places[session] = place
        if place == NOTHING:
            self.refused[kind] += 1
            return
        self.fleet.change(place, kind, 1)
        heappush(self._ends, (float(self.sessions.ends[session]), session))

    def enter(self, epoch: Epoch) -> None:
        """Change the active pools; sessions on those that leave are placed anew."""
        active = {int(place) for place in epoch.pools}
        moved = sorted(session for _, session in self._ends if int(self.places[session]) not in active)
        for session in moved:
            self.fleet.change(int(self.places[session]), int(self.sessions.kinds[session]), -1)
        gone = set(moved)
        self._ends = sorted(one for one in self._ends if one[1] not in gone)
        self.fleet.activate(sorted(active))
        for session in moved:
            self._begin(session)
