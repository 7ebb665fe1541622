"""Pauses before a call is repeated."""

from __future__ import annotations

import random
from collections.abc import Callable

MAX_RETRY_AFTER_SECONDS = 60.0
MAX_DOUBLINGS = 20


def bound_seconds(attempt: int, first: float, most: float) -> float:
    """Longest pause after `attempt` failures before this one: `first`, doubled each time up to `most`."""
    return min(most, first * 2.0 ** min(attempt, MAX_DOUBLINGS))


def pause_seconds(
    bound: float, retry_after: float = 0.0, uniform: Callable[[float, float], float] = random.uniform
) -> float:
    """A pause with jitter: half of the bound to all of it, at least Retry-After, of which a minute counts at most."""
    return max(uniform(0.5, 1.0) * bound, min(retry_after, MAX_RETRY_AFTER_SECONDS))
