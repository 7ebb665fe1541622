"""Offered load of a fleet from the lines of its history: the sessions present, and those that were refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, compress
from operator import add
from typing import NamedTuple

from slta.core.fleet import FleetSpec

MAX_RISE = 0.5
"""Sessions that one line adds at most to those present, as a share of them."""
NOISE = 0.4
"""Standard deviations of a Poisson number of sessions in the margin."""
HEADROOM, SPARE = 1.0, 2.0
"""Further ones that a class which grows gets room for, and that there must be room for before a pool goes."""
AHEAD_SECONDS = 180.0
"""Time after a lead for which rises are foreseen."""
RECENT = 2
"""Lines before one whose arrivals they are foreseen by, too."""


class Line(NamedTuple):
    """Interval of the history that ends at `end`; times in seconds.

    Means of `sessions[t]` of a type on active pools and of `pools[c]` active in a class; numbers of sessions that were
    `assigned`, and of different ids that were `refused`.
    """

    end: float
    seconds: float
    sessions: tuple[float, ...]
    pools: tuple[float, ...]
    assigned: int
    refused: int


class Offered(NamedTuple):
    """Largest offered sessions by type, at least 1, and the margin that is added to them."""

    sessions: tuple[float, ...]
    margin: tuple[float, ...]

    @property
    def with_margin(self) -> list[float]:
        """What there must be room for."""
        return [load + more for load, more in zip(self.sessions, self.margin, strict=True)]

    def with_more(self, deviations: float) -> list[float]:
        """The same with so many further standard deviations."""
        return [load + deviations * math.sqrt(own) for load, own in zip(self.with_margin, self.sessions, strict=True)]


def mean_stay_of(lines: Sequence[Line]) -> float | None:
    """Seconds of a stay by Little's law, at the mean of the rates of begins and ends; None if they are 0."""
    if not lines:
        return None
    rise = sum(lines[-1].sessions) - sum(lines[0].sessions)
    turnover = sum(line.assigned for line in lines) - rise / 2
    return sum(sum(line.sessions) * line.seconds for line in lines) / turnover if turnover > 0 else None


class Now(NamedTuple):
    """Sessions by type on active pools and on those that drain, and weights of the types among the refused."""

    active: Sequence[float]
    draining: Sequence[float]
    refused: Sequence[float]


def offered_of(spec: FleetSpec, lines: Sequence[Line], hold: float, now: Now, lead: float) -> Offered:
    """Largest offered load of the lines of a hold, foreseen. The newest has at least the present sessions."""
    stay, begin = mean_stay_of(lines), lines[-1].end - hold
    newest = lines[-1]._replace(sessions=tuple(map(max, lines[-1].sessions, now.active)))
    *lines, newest = (_filled(spec, line, now.refused) for line in (*lines[:-1], newest))
    lines = [*lines, newest._replace(sessions=tuple(map(add, newest.sessions, now.draining)))]
    first = next(n for n, line in enumerate(lines) if line.end >= begin)
    ids = accumulate(line.refused for line in lines[first:])
    loads = [
        _foreseen(_offered(lines[n], now.refused, most), lines[max(0, n - RECENT) : n + 1], stay, lead)
        for n, most in enumerate(ids, first)
    ]
    largest = tuple(max(1.0, *by_type) for by_type in zip(*loads, strict=True))
    return Offered(largest, tuple(NOISE * math.sqrt(load) for load in largest))


def _filled(spec: FleetSpec, line: Line, refused: Sequence[float]) -> Line:
    """A line with refusals has at least as many sessions as its pools have places in the classes of a refused type.

    Of several types it is the one whose classes were fullest.
    """
    if not line.refused:
        return line
    sets, full = spec.type_sets.members, list[tuple[float, list[bool]]]()
    places = [count * own.capacity for count, own in zip(line.pools, spec.classes, strict=True)]
    for own in compress(sets, refused if any(refused) else line.sessions):
        beside = [not own.isdisjoint(other) for other in sets]
        full.append((sum(places[c] for c in own) / (sum(compress(line.sessions, beside)) or math.inf), beside))
    times, beside = min(full, default=(1.0, [True] * len(sets)))
    rows = zip(line.sessions, beside, strict=True)
    return line._replace(sessions=tuple(own * max(1.0, times) if here else own for own, here in rows))


def _foreseen(load: list[float], recent: Sequence[Line], stay: float | None, lead: float) -> list[float]:
    """The load of the newest of these lines, with the rise after a lead that their arrivals bring.

    At r arrivals a second N sessions become r S + (N - r S) e^(-t/S) in t seconds.
    """
    sessions = recent[-1].sessions
    present = sum(sessions)
    if not stay or not present:
        return load
    equilibrium = stay * sum(line.assigned for line in recent) / sum(line.seconds for line in recent)
    rise = max(0.0, equilibrium - present) * -math.expm1(-(lead + AHEAD_SECONDS) / stay)
    rise = min(rise, (1 + MAX_RISE) * present - sum(load))
    return [own + rise * here / present for own, here in zip(load, sessions, strict=True)]


def _offered(line: Line, refused: Sequence[float], most: int) -> list[float]:
    """The share refused of what came is that of the sessions that are missing, of which there are at most `most`.

    Each type misses its part of them.
    """
    rise = min(MAX_RISE, line.refused / line.assigned if line.assigned else line.refused)
    weights = refused if any(refused) else line.sessions
    missing = min(rise * sum(line.sessions), most) / (sum(weights) or 1.0)
    return [present + missing * weight for present, weight in zip(line.sessions, weights, strict=True)]
