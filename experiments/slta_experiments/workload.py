"""Workload in virtual time: arrivals and holding times, drawn once and shared by every policy. Mean holding time: 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

WARM_UP = 10.0
"""Default warm-up in mean holding times, for a start near equilibrium."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Workload:
    """Sessions in order of arrival, those present at time 0 first.

    Session `departing[k]` ends at `departures[k]`, in order of time; `kinds[s]` is the type of session s.
    """

    initial: int
    arrivals: Floats
    departures: Floats
    departing: Integers
    draws: Floats
    kinds: Integers

    @property
    def sessions(self) -> int:
        """Number of sessions, present or to come."""
        return self.initial + len(self.arrivals)

    @cached_property
    def most(self) -> int:
        """Maximum of concurrent sessions; at equal times arrivals come first."""
        left = np.searchsorted(self.departures, self.arrivals)
        return self.initial + int((np.arange(1, len(left) + 1) - left).max(initial=0))

    @property
    def ends(self) -> Floats:
        """End of each session."""
        found = np.empty(self.sessions)
        found[self.departing] = self.departures
        return found

    def means(self, start: float, end: float) -> list[float]:
        """Mean sessions of each type between two times if none is refused."""
        everybody = np.full(len(self.kinds), fill_value=True)
        return [float(mean) for mean in self.means_between(np.array([start, end]), everybody)[0]]

    def means_between(self, edges: Floats, present: NDArray[np.bool_]) -> Floats:
        """Mean sessions of each type, of those that are `present`, in each interval between the edges."""
        starts, ends = np.append(np.zeros(self.initial), self.arrivals), self.ends
        own = [present & (self.kinds == kind) for kind in range(self.kinds.max() + 1)]
        times = [elapsed(edges, starts[mine]) - elapsed(edges, ends[mine]) for mine in own]
        return np.maximum(0.0, np.diff(times) / np.diff(edges)).T


def workload_of(initial: int, arrivals: Floats, ends: Floats, draws: Floats, kinds: Integers | None = None) -> Workload:
    """Workload in which session s ends at `ends[s]`; sorted once, for all policies. By default there is one type."""
    departing = np.argsort(ends, kind="stable")
    kinds = np.zeros(len(ends), dtype=np.int64) if kinds is None else kinds
    return Workload(initial, arrivals, ends[departing], departing, draws, kinds)


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


def elapsed(edges: Floats, times: Floats) -> Floats:
    """Sum of the time since each of `times` that was before, at each edge."""
    times = np.sort(times)
    count = np.searchsorted(times, edges)
    totals = np.append(0.0, np.cumsum(times))
    return np.asarray(edges * count - totals[count])


def typed(rng: np.random.Generator, parts: Sequence[Workload]) -> Workload:
    """One workload of the sessions of each type; those present at time 0 arrive then, in random order."""
    arrivals = np.concatenate([np.append(np.zeros(part.initial), part.arrivals) for part in parts])
    ends = np.concatenate([part.ends for part in parts])
    kinds = np.repeat(np.arange(len(parts)), [part.sessions for part in parts])
    order = np.lexsort((rng.random(len(arrivals)), arrivals))
    return workload_of(0, arrivals[order], ends[order], rng.random(len(arrivals)), kinds[order])


def poisson_times(rng: np.random.Generator, rate: float, start: float, end: float) -> Floats:
    """Points of a Poisson process on [start, end), in order."""
    return np.sort(rng.uniform(start, end, size=rng.poisson(rate * (end - start))))
