"""Fleets whose pools send samples of quality: true curves, weights, noise, and what of it the store counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from slta.core.quality import LevelSamples
from slta.core.utility import PoolClass, TableUtility
from slta_experiments.fleets import FleetShape
from slta_experiments.workload import Floats, Integers, generator

CAPACITY = 40
NOISE, UNIT = 0.25, 100.0
X = np.arange(CAPACITY + 1.0)

CURVES: Sequence[Callable[..., Floats]] = (
    lambda slope, at: slope * np.minimum(X, at) + 0.05 * X,
    lambda resource: X * np.log(resource / np.maximum(X, 1.0)),
    lambda total, half: total * X / (half + X),
    lambda scale, alpha: scale * X**alpha,
    lambda slope, top: slope * X - slope / (2 * top) * X**2,
    lambda scale, half: scale * np.log1p(X / half),
)
"""True curves: a pool that saturates, one that is shared, batches, powers, parabolas up to their top, logarithms."""
knee, share, batch, power, parabola, log = CURVES


class Row(NamedTuple):
    """Class: its true curve, its weight, and its pools of 24 and of 60."""

    curve: Floats
    weight: float
    few: int
    many: int


FLEETS: dict[str, tuple[float, list[Row]]] = {
    "knees": (9.0, [Row(knee(1.2, 8), 1, 12, 30), Row(knee(2.0, 14), 2, 8, 20), Row(knee(0.8, 20), 2, 4, 10)]),
    "shares": (8.0, [Row(share(24), 1, 14, 36), Row(share(60), 2, 9, 23), Row(share(110), 3, 1, 1)]),
    "batches": (8.0, [Row(batch(20, 4), 1, 10, 25), Row(batch(30, 10), 1, 10, 25), Row(batch(9, 3), 0.5, 4, 10)]),
    "powers": (10.0, [Row(power(1, 0.6), 1, 8, 20), Row(power(2, 0.5), 2, 8, 20), Row(power(3, 0.7), 4, 8, 20)]),
    "mixed": (9.0, [Row(parabola(2, 30), 1, 6, 15), Row(batch(18, 5), 2, 6, 15), Row(knee(1.5, 12), 1, 11, 29),
                    Row(power(2.5, 0.6), 2, 1, 1)]),
    "cores": (8.0, [Row(knee(1.5, 6), 2, 6, 15), Row(parabola(1.6, 24), 1, 6, 14), Row(batch(24, 12), 2, 6, 15),
                    Row(share(40), 1, 5, 15), Row(power(1.2, 0.5), 3, 1, 1)]),
}  # fmt: skip
"""Load in sessions per pool, and the classes; weights are guesses as from cores."""
CHANGED: dict[str, tuple[float, list[Row]]] = {
    "log": (8.0, [Row(log(10, 4), 1, 12, 20), Row(log(12, 5), 1, 12, 20)]),
    "capped": (6.0, [Row(knee(1, 12), 1, 12, 20), Row(knee(1, 12), 1, 12, 20)]),
}
"""Fleets whose first class changes at the stay CHANGE."""
CHANGE = 15
ALL = FLEETS | CHANGED
SIZES = (24, 60)
TRUE = "true curves"
POOL, LIES = "noise of pools", "a tenth of pools lie"
ROUND, FULL, NORMAL = 3, 256, 2.2
"""As in `quality.lua`."""


@dataclass(frozen=True)
class Trial:
    """A fleet and how it is placed; with `drifts` each true curve rises or falls by 30 % in ten stays.

    `change` multiplies the first class's, at once.
    """

    fleet: str
    n: int
    seed: int
    line: str = TRUE
    drifts: bool = False
    noise: float = NOISE
    change: float = 1.0

    def draws(self, *more: int) -> np.random.Generator:
        """Draws that all lines share."""
        return generator(41, list(ALL).index(self.fleet), self.n, self.seed, *more)

    @property
    def rows(self) -> list[Row]:
        """Classes."""
        return ALL[self.fleet][1]

    @property
    def load(self) -> float:
        """Sessions of the fleet."""
        return self.n * ALL[self.fleet][0]


def table(curve: Floats) -> TableUtility:
    """The curve with slopes to a millionth."""
    slopes = np.minimum.accumulate(np.round(np.diff(curve) * 1e6)).astype(int).tolist()
    return TableUtility((Fraction(0), *accumulate(Fraction(slope, 10**6) for slope in slopes)))


def truth(trial: Trial, stay: int) -> FleetShape:
    """The fleet with its true curves."""
    signs = trial.draws(1).choice([-1.0, 1.0], len(trial.rows))
    factors = 1 + signs * 0.3 * min(max(stay, 0), 10) / 10 * trial.drifts
    factors[0] *= trial.change if stay >= CHANGE else 1.0
    curves = [table(row.curve * factor) for row, factor in zip(trial.rows, factors, strict=True)]
    classes = tuple(PoolClass(str(number), curve, CAPACITY) for number, curve in enumerate(curves))
    return FleetShape(trial.fleet, classes, tuple(row.few if trial.n == SIZES[0] else row.many for row in trial.rows))


class Samples:
    """Samples that pools send ten times a stay, which count as in the store (`quality.lua`): visits, rounds, cuts."""

    def __init__(self, trial: Trial, pools: Sequence[int]) -> None:
        """No pool has sent any."""
        self._line, self._noise, self._draws, self._pools = trial.line, trial.noise, trial.draws(2), pools
        self._class = np.repeat(np.arange(len(pools)), pools)
        self._own = self._draws.normal(size=len(self._class))
        self._lies = self._draws.random(len(self._class)) < 0.1
        self._last = np.zeros(len(self._class), dtype=np.int64)
        self._sums: dict[tuple[int, int], Floats] = defaultdict(lambda: np.zeros(3))
        self._sources: dict[tuple[int, int], set[int]] = defaultdict(set)
        self._rounds: dict[tuple[int, int], dict[int, float]] = defaultdict(dict)
        self._spreads = [np.zeros(2) for _ in pools]

    def take(self, curves: Floats, held: Integers) -> None:
        """Of the ticks of a stay."""
        for at in held:
            values = UNIT * curves[self._class, at] * np.maximum(1 + self._noise * self._errors(), 0.0)
            values *= np.where(self._lies & (self._line == LIES), 3.0, 1.0)
            for pool in np.flatnonzero((at != self._last) & (at > 0)):
                self._enter(int(pool), (int(self._class[pool]), int(at[pool])), float(values[pool]))
            self._last = np.where(at > 0, at, self._last)

    def _errors(self) -> Floats:
        fresh = self._draws.normal(size=len(self._own))
        if self._line != POOL:
            return fresh
        self._own = 0.95 * self._own + 0.31 * self._draws.normal(size=len(self._own))
        return 0.8 * self._own + 0.6 * fresh

    def _enter(self, pool: int, at: tuple[int, int], value: float) -> None:
        self._rounds[at].setdefault(pool, value)
        if len(self._rounds[at]) < min(ROUND, self._pools[at[0]]):
            return
        values = np.array(sorted(self._rounds[at].values()))
        if len(values) == ROUND:
            spread, middle = self._spreads[at[0]], values[1]
            spread += [1, NORMAL * np.diff(values).min() / middle] if middle > 0 else 0
            values = middle + np.clip(values - middle, *(np.array([-4, 4]) * middle * spread[1] / max(spread[0], 1)))
        count = self._sums[at][0]
        self._sums[at] *= count // 2 / count if count >= FULL else 1.0
        self._sums[at] += [len(values), values.sum(), (values**2).sum()]
        self._sources[at] |= set(self._rounds.pop(at))

    def levels(self, number: int) -> list[LevelSamples]:
        """Of a class, as GET …/quality lists them."""
        return [
            LevelSamples(level=at[1], samples=int(n), pools=len(self._sources[at]), sum=total, sum_squares=squares)
            for at, (n, total, squares) in sorted(self._sums.items())
            if at[0] == number
        ]
