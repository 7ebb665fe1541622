"""The mean of min(H, E) at one rank: H holes at it or better, E sessions placed worse."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import mul, sub
from typing import NamedTuple

WIDTH = 5.0
"""Standard deviations of the number of sessions, Poisson, that are looked at on each side of its mean."""
NEGLIGIBLE = 1e-10
"""Where the weight of so many holes is below this part of the largest for an E, more holes are not looked at."""
LARGEST = 1e200
"""Weights that grow beyond are scaled down."""


class Window(NamedTuple):
    """The states (H, E) that are looked at: H from 0 to `most_holes`, E from `fewest` to `most`."""

    slots: int
    most_holes: int
    fewest: int
    most: int

    @property
    def steps(self) -> int:
        """How many states there are."""
        return (self.most_holes + 1) * (self.most - self.fewest + 1)

    @property
    def smallest_total(self) -> int:
        """The least N = slots − H + E."""
        return self.slots - self.most_holes + self.fewest

    @property
    def totals(self) -> int:
        """How many different N there are."""
        return self.most_holes + self.most - self.fewest + 1


def reach_of(load: float) -> float:
    """How far from its mean the number of sessions may be, in sessions."""
    return WIDTH * (math.sqrt(load) + 1)


def window_at(slots: int, beyond: int, load: float) -> Window:
    """The states of a rank with `slots` places at it or better and `beyond` places at worse ones."""
    reach = reach_of(load)
    return Window(
        slots,
        most_holes=min(slots, int(max(slots - load, 0) + reach) + 2),
        fewest=max(0, int(load - slots - reach)),
        most=min(beyond, max(0, int(load - slots + reach)) + 2),
    )


@dataclass(frozen=True, slots=True)
class Mismatch:
    """E[min(H, E)], and the same given N: `given[N - smallest_total]`, `mean` for any N where `given` is empty."""

    mean: float
    smallest_total: int = 0
    given: Sequence[float] = ()

    def at(self, total: int) -> float:
        """E[min(H, E) | N = total]; 0 where such N were not looked at."""
        if not self.given:
            return self.mean
        place = total - self.smallest_total
        return self.given[place] if 0 <= place < len(self.given) else 0.0


NONE = Mismatch(0.0)
"""Of a rank that no session goes beyond."""

Departures = Callable[[int, int], list[float]]
"""`departures(E, M)[H]`: the rate out of pools whose top session is worse than the rank, for H from 0 to M."""


def far_below(total: int, departures: float, load: float) -> Mismatch:
    """A rank so good that there are always sessions beyond it: holes are a birth and death process, and all count.

    A session that arrives takes a hole, at the rate `load`. One that leaves a pool without a session beyond makes one:
    of `total` sessions leave `departures` elsewhere.
    """
    weight, weights, holes = 1.0, 1.0, 0.0
    for hole in range(1, int(reach_of(load)) + 2):
        weight *= max(total - hole + 1 - departures, 0.0) / load
        weights += weight
        holes += weight * hole
    return Mismatch(holes / weights)


def near(window: Window, departures: Departures, load: float) -> Mismatch:
    """A rank near the frontier. The mean holding time is 1.

    An arrival, at the rate `load`, takes a hole, or goes beyond where there is none. A departure takes E down at the
    rate `departures`, else H up, at N in all. E rises only where H = 0, so what falls from E is what rises from E − 1,
    which gives P(0, E − 1). The rest of a row then is one tridiagonal system: from the largest E downwards, without
    iterating and without subtracting like terms.
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
    """The row of E = `beyond`, and what falls from it, for as many holes as matter: few at first, and ever more."""
    first = math.fsum(inflow) / load if beyond < window.most else 1.0
    while True:
        falling = departures(beyond, len(inflow) - 1)
        row = _row(_rising(window, beyond, falling), falling if beyond > window.fewest else [], inflow, load, first)
        missing = window.most_holes + 1 - len(row)
        if not missing or row[-1] <= NEGLIGIBLE * max(row):
            return row, falling
        inflow += [0.0] * min(missing, len(row) // 2 + 8)


def _rising(window: Window, beyond: int, falling: Sequence[float]) -> list[float]:
    """The rate at which H rises, for each H; not beyond the last."""
    total = window.slots + beyond
    return [*map(sub, range(total, total - len(falling) + 1, -1), falling), 0.0]


def _row(
    rising: Sequence[float], falling: Sequence[float], inflow: Sequence[float], load: float, first: float
) -> list[float]:
    """P(H, E) for each H of one E, up to a factor, with P(0, E) = `first`.

    The balance of H ≥ 1: P(H) (rising + load + falling) = P(H − 1) rising + P(H + 1) load + inflow. From the largest H
    down it becomes P(H) = fixed + factor · P(H − 1).
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
    """Add P(H, E), and min(H, E) times that, to what is known of N = slots − H + E."""
    at = beyond - window.fewest + window.most_holes
    for holes, weight in enumerate(row):
        weights[at - holes] += weight
        sums[at - holes] += weight * min(holes, beyond)
