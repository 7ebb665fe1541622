"""A workload: what arrives when, and for how long. Seconds from 0; no clock: real and virtual time read the same."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from itertools import accumulate, chain, repeat, takewhile
from typing import NamedTuple

from loadgen.holding import Holding
from loadgen.profile import RateProfile


class PlannedSession(NamedTuple):
    start_seconds: float
    duration_seconds: float


def workload(arrivals: Iterable[float], holding: Holding, rng: random.Random) -> Iterator[PlannedSession]:
    """Each arrival with a holding time of its own.

    Give arrivals and holding times streams of their own: then a change of one leaves the other as it was.
    """
    return (PlannedSession(moment, holding.draw(rng)) for moment in arrivals)


def random_stream(seed: int | str, name: str) -> random.Random:
    """An independent stream of random numbers for one purpose, the same in every process and version."""
    return random.Random(f"{seed}/{name}")


def poisson(rate_per_second: float, rng: random.Random) -> Iterator[float]:
    """A Poisson process without end. The rate is positive and finite."""
    if not 0 < rate_per_second < math.inf:
        raise ValueError(f"an arrival rate must be positive and finite, not {rate_per_second}")
    return accumulate(rng.expovariate(rate_per_second) for _ in repeat(None))


def profiled(profile: RateProfile, rng: random.Random, *, cyclic: bool = False) -> Iterator[float]:
    """A Poisson process whose rate follows `profile`, once or for ever.

    Exact inversion (Çinlar): a process of rate 1 seen through Λ⁻¹, so every random number makes one arrival.
    """
    profile_start = 0.0
    expected = 0.0
    while True:
        expected += rng.expovariate(1.0)
        while expected >= profile.expected_arrivals:
            if not cyclic:
                return
            expected -= profile.expected_arrivals
            profile_start += profile.duration_seconds
        yield profile_start + profile.moment_of(expected)


def until(end_seconds: float, arrivals: Iterable[float]) -> Iterator[float]:
    """The arrivals before `end_seconds`."""
    return takewhile(lambda moment: moment < end_seconds, arrivals)


def after_warm_up(
    warm_up_seconds: float, profile: RateProfile, rng: random.Random, *, cyclic: bool = False
) -> Iterator[float]:
    """`profiled`, begun after a while at the profile's first rate."""
    first_rate = profile.rate_at(0.0)
    warm_up = until(warm_up_seconds, poisson(first_rate, rng)) if first_rate else ()
    return chain(warm_up, (warm_up_seconds + moment for moment in profiled(profile, rng, cyclic=cyclic)))
