"""Offered load of a fleet from the lines of its history: the sessions present, and those that were refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

MAX_RISE = 0.5
"""Refused sessions that one line adds at most, as a share of those present."""
NOISE = 1.0
"""Standard deviations of a Poisson number of sessions in the margin."""
RISE = 1.0
"""Root mean squares of the rises over a lead in the margin."""


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


def mean_stay_of(lines: Sequence[Line]) -> float | None:
    """Seconds of a stay by Little's law; None if nothing was assigned."""
    assigned = sum(line.assigned for line in lines)
    return sum(sum(line.sessions) * line.seconds for line in lines) / assigned if assigned else None


def offered_of(lines: Sequence[Line], refused: Sequence[float], draining: Sequence[float], lead: float) -> Offered:
    """Offered load of the lines of a hold, oldest first. `refused[t]` are weights of the types among the refused.

    `draining[t]` sessions are on pools that drain: they are load still, of the newest line.
    """
    ids = accumulate(line.refused for line in lines)
    loads = [_offered(line, refused, most) for line, most in zip(lines, ids, strict=True)]
    loads[-1] = [here + more for here, more in zip(loads[-1], draining, strict=True)]
    largest = tuple(max(1.0, *by_type) for by_type in zip(*loads, strict=True))
    lag = max(1, round(lead / max(line.seconds for line in lines)))
    rise = RISE * _rise([sum(load) for load in loads], lag) / sum(largest)
    return Offered(largest, tuple(NOISE * math.sqrt(load) + rise * load for load in largest))


def _offered(line: Line, refused: Sequence[float], most: int) -> list[float]:
    """The share refused of what came is that of the sessions that are missing, of which there are at most `most`.

    Each type misses its part of them.
    """
    rise = min(MAX_RISE, line.refused / line.assigned if line.assigned else line.refused)
    weights = refused if any(refused) else line.sessions
    missing = min(rise * sum(line.sessions), most) / (sum(weights) or 1.0)
    return [present + missing * weight for present, weight in zip(line.sessions, weights, strict=True)]


def _rise(loads: Sequence[float], lines: int) -> float:
    """Root mean square of the rises over so many lines."""
    rises = [max(0.0, newer - older) for older, newer in zip(loads, loads[lines:], strict=False)]
    return math.sqrt(sum(rise * rise for rise in rises) / len(rises)) if rises else 0.0
