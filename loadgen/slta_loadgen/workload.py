"""Workload: session arrivals and holding times in seconds from 0, without a clock, for real and virtual time."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from itertools import accumulate, chain, repeat, takewhile
from typing import NamedTuple

from slta_loadgen.holding import Holding
from slta_loadgen.profile import RateProfile


class PlannedSession(NamedTuple):
    start_seconds: float
    duration_seconds: float
    session_type: str | None = None


def workload(arrivals: Iterable[float], holding: Holding, rng: random.Random) -> Iterator[PlannedSession]:
    """Sessions from arrivals and holding times.

    Use separate random streams for both, so that changing one leaves the other as it was.
    """
    return (PlannedSession(moment, holding.draw(rng)) for moment in arrivals)


def random_stream(seed: int | str, name: str) -> random.Random:
    """Independent random stream for one purpose, the same in every process and version."""
    return random.Random(f"{seed}/{name}")


def poisson(rate_per_second: float, rng: random.Random) -> Iterator[float]:
    """Endless Poisson process. The rate must be positive and finite."""
    if not 0 < rate_per_second < math.inf:
        raise ValueError(f"an arrival rate must be positive and finite, not {rate_per_second}")
    return accumulate(rng.expovariate(rate_per_second) for _ in repeat(None))


def profiled(profile: RateProfile, rng: random.Random, *, cyclic: bool = False) -> Iterator[float]:
    """Poisson process whose rate follows `profile`, once or endlessly.

    Exact inversion (Çinlar): a process of rate 1 mapped by Λ⁻¹; each random number makes one arrival.
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
    """Arrivals before `end_seconds`."""
    return takewhile(lambda moment: moment < end_seconds, arrivals)


def after_warm_up(
    warm_up_seconds: float, profile: RateProfile, rng: random.Random, *, cyclic: bool = False
) -> Iterator[float]:
    """`profiled`, preceded by a warm-up at the profile's first rate."""
    first_rate = profile.rate_at(0.0)
    warm_up = until(warm_up_seconds, poisson(first_rate, rng)) if first_rate else ()
    return chain(warm_up, (warm_up_seconds + moment for moment in profiled(profile, rng, cyclic=cyclic)))
