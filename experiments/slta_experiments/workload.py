"""Workload in virtual time: arrivals and holding times, drawn once and shared by every policy. Mean holding time: 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WARM_UP = 10.0
"""Default warm-up in mean holding times, for a start near equilibrium."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Workload:
    """Sessions in order of arrival, those present at time 0 first.

    Session `departing[k]` ends at `departures[k]`, in order of time.
    """

    initial: int
    arrivals: Floats
    departures: Floats
    departing: Integers
    draws: Floats

    @property
    def sessions(self) -> int:
        """Number of sessions, present or to come."""
        return self.initial + len(self.arrivals)


def workload_of(initial: int, arrivals: Floats, ends: Floats, draws: Floats) -> Workload:
    """Workload in which session s ends at `ends[s]`; sorted once, for all policies."""
    departing = np.argsort(ends, kind="stable")
    return Workload(initial, arrivals, ends[departing], departing, draws)


def generator(*key: int) -> np.random.Generator:
    """Independent draws for each key, the same on every machine."""
    return np.random.default_rng(np.random.SeedSequence(key))


def stationary(rng: np.random.Generator, load: float, horizon: float) -> Workload:
    """Poisson arrivals at rate `load`, exponential holding times, a Poisson(load) number present at time 0.

    `load` is nρ, the whole fleet's. Residual holding times are exponential too: the number is in equilibrium.
    """
    initial = int(rng.poisson(load))
    arrivals = poisson_times(rng, load, 0.0, horizon)
    residual = rng.exponential(size=initial)
    ends = np.concatenate((residual, arrivals + rng.exponential(size=len(arrivals))))
    return workload_of(initial, arrivals, ends, rng.random(len(arrivals)))


def from_present(rng: np.random.Generator, initial: int, load: float, horizon: float) -> Workload:
    """The same with `initial` sessions present at time 0."""
    return stepped(rng, initial, [(0.0, load)], horizon)


def stepped(rng: np.random.Generator, initial: int, loads: list[tuple[float, float]], horizon: float) -> Workload:
    """Poisson arrivals with a stepwise rate: `loads` lists (start, nρ); exponential holding times."""
    ends_of_steps = [start for start, _ in loads[1:]] + [horizon]
    pieces = [poisson_times(rng, load, start, end) for (start, load), end in zip(loads, ends_of_steps, strict=True)]
    arrivals = np.concatenate(pieces)
    ends = np.concatenate((rng.exponential(size=initial), arrivals + rng.exponential(size=len(arrivals))))
    return workload_of(initial, arrivals, ends, rng.random(len(arrivals)))


def varying(rng: np.random.Generator, load_at: Callable[[Floats], Floats], most: float, horizon: float) -> Workload:
    """The same under a varying load: `load_at` gives nρ(t), at most `most`, for an array of times.

    A Poisson number with its value at time 0 is present there.
    """
    initial = int(rng.poisson(float(load_at(np.zeros(1))[0])))
    points = poisson_times(rng, most, 0.0, horizon)
    arrivals = points[rng.random(len(points)) * most < load_at(points)]
    ends = np.concatenate((rng.exponential(size=initial), arrivals + rng.exponential(size=len(arrivals))))
    return workload_of(initial, arrivals, ends, rng.random(len(arrivals)))


def poisson_times(rng: np.random.Generator, rate: float, start: float, end: float) -> Floats:
    """Points of a Poisson process on [start, end), in order."""
    return np.sort(rng.uniform(start, end, size=rng.poisson(rate * (end - start))))
