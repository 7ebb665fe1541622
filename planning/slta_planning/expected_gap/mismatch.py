"""Mismatch of one rank, the mean of min(H, E): H holes at it or better, E sessions at worse ranks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import mul, sub
from typing import NamedTuple

WIDTH = 5.0
"""Width of the window on each side of the mean, in standard deviations of a Poisson number of sessions."""
NEGLIGIBLE = 1e-10
"""Relative weight below which larger numbers of holes are truncated."""
LARGEST = 1e200
"""Weight above which all weights are rescaled."""


class Window(NamedTuple):
    """Visited states (H, E): H from 0 to `most_holes`, E from `fewest` to `most`."""

    slots: int
    most_holes: int
    fewest: int
    most: int

    @property
    def steps(self) -> int:
        """Number of states."""
        return (self.most_holes + 1) * (self.most - self.fewest + 1)

    @property
    def smallest_total(self) -> int:
        """Smallest N = slots − H + E."""
        return self.slots - self.most_holes + self.fewest

    @property
    def totals(self) -> int:
        """Number of different N."""
        return self.most_holes + self.most - self.fewest + 1


def reach_of(load: float) -> float:
    """Half width of the window, in sessions."""
    return WIDTH * (math.sqrt(load) + 1)


def window_at(slots: int, beyond: int, load: float) -> Window:
    """States of a rank with `slots` places at it or better and `beyond` at worse ranks."""
    reach = reach_of(load)
    return Window(
        slots,
        most_holes=min(slots, int(max(slots - load, 0) + reach) + 2),
        fewest=max(0, int(load - slots - reach)),
        most=min(beyond, max(0, int(load - slots + reach)) + 2),
    )


@dataclass(frozen=True, slots=True)
class Mismatch:
    """E[min(H, E)], and given N: `given[N - smallest_total]`, or `mean` if `given` is empty."""

    mean: float
    smallest_total: int = 0
    given: Sequence[float] = ()

    def at(self, total: int) -> float:
        """E[min(H, E) | N = total]; 0 outside the window."""
        if not self.given:
            return self.mean
        place = total - self.smallest_total
        return self.given[place] if 0 <= place < len(self.given) else 0.0


NONE = Mismatch(0.0)
"""Mismatch of a rank without sessions beyond."""

Departures = Callable[[int, int], list[float]]
"""`departures(E, M)[H]`: departure rate of pools whose top session is beyond the rank, for H from 0 to M."""


def far_below(total: int, departures: float, load: float) -> Mismatch:
    """Mismatch of a rank that always has sessions beyond it: H is a birth-death process, and min(H, E) = H.

    An arrival, at rate `load`, fills a hole. A departure, at rate `total`, creates one, except those at the rate
    `departures` from pools with a session beyond.
    """
    weight, weights, holes = 1.0, 1.0, 0.0
    for hole in range(1, int(reach_of(load)) + 2):
        weight *= max(total - hole + 1 - departures, 0.0) / load
        weights += weight
        holes += weight * hole
    return Mismatch(holes / weights)


def near(window: Window, departures: Departures, load: float) -> Mismatch:
    """Mismatch of a rank near the frontier. The mean holding time is 1.

    An arrival, at rate `load`, fills a hole, or increments E without one. A departure, at total rate N, decrements E
    at rate `departures`, else increments H. E rises only where H = 0, so the flow from E to E − 1 equals the flow back,
    which gives P(0, E − 1). The rest of a row is one tridiagonal system: solved from the largest E down, without
    iteration or cancellation.
    """
    weights, sums = [0.0] * window.totals, [0.0] * window.totals
    row, falling = [1.0], [0.0]
    for beyond in range(window.most, window.fewest - 1, -1):
        inflow = list(map(mul, falling, row))
        row, falling = _wide_enough(window, departures, load, beyond, inflow)
        _add(row, beyond, window, weights, sums)
        if math.fsum(row) > LARGEST:
            for column in (row, weights, sums):
                column[:] = [value / LARGEST for value in column]
    given = [s / w if w else 0.0 for s, w in zip(sums, weights, strict=True)]
    return Mismatch(math.fsum(sums) / math.fsum(weights), window.smallest_total, given)


def _wide_enough(
    window: Window, departures: Departures, load: float, beyond: int, inflow: list[float]
) -> tuple[list[float], list[float]]:
    """The row of E = `beyond` and its flow to E − 1, extended until the truncated holes are negligible."""
    first = math.fsum(inflow) / load if beyond < window.most else 1.0
    while True:
        falling = departures(beyond, len(inflow) - 1)
        row = _row(_rising(window, beyond, falling), falling if beyond > window.fewest else [], inflow, load, first)
        missing = window.most_holes + 1 - len(row)
        if not missing or row[-1] <= NEGLIGIBLE * max(row):
            return row, falling
        inflow += [0.0] * min(missing, len(row) // 2 + 8)


def _rising(window: Window, beyond: int, falling: Sequence[float]) -> list[float]:
    """Rate of H → H + 1 for each H; 0 for the last."""
    total = window.slots + beyond
    return [*map(sub, range(total, total - len(falling) + 1, -1), falling), 0.0]


def _row(
    rising: Sequence[float], falling: Sequence[float], inflow: Sequence[float], load: float, first: float
) -> list[float]:
    """P(H, E) for each H of one E, unnormalized, with P(0, E) = `first`.

    Balance for H ≥ 1: P(H) (rising + load + falling) = P(H − 1) rising + P(H + 1) load + inflow. Elimination from the
    largest H gives P(H) = fixed + factor · P(H − 1).
    """
    last = len(rising) - 1
    fixed, factor, steps = 0.0, 0.0, []
    for holes in range(last, 0, -1):
        leaving = rising[holes] + load + (falling[holes] if falling else 0.0)
        share = 1.0 / (leaving - load * factor)
        fixed = (inflow[holes] + load * fixed) * share
        factor = rising[holes - 1] * share
        steps.append((fixed, factor))
    row = [first]
    for fixed, factor in reversed(steps):
        first = fixed + factor * first
        row.append(first)
    return row


def _add(row: Sequence[float], beyond: int, window: Window, weights: list[float], sums: list[float]) -> None:
    """Add P(H, E) and min(H, E) P(H, E) to the sums for N = slots − H + E."""
    at = beyond - window.fewest + window.most_holes
    for holes, weight in enumerate(row):
        weights[at - holes] += weight
        sums[at - holes] += weight * min(holes, beyond)
