"""A workload: what arrives when, and for how long. Seconds from 0, no clock."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from loadgen.holding import Holding


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
