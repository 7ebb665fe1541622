"""Offered load of a fleet that refuses sessions while it is full, from the mean number of sessions."""

from __future__ import annotations

import math

MAX_REFUSED = 0.15
"""Fraction of refused sessions up to which the prediction was compared with simulations."""
NO_REFUSALS = 1e-9
"""Fraction of refused sessions that counts as none."""
NEGLIGIBLE = 1e-17
"""Relative size of the terms left out."""
HALVINGS = 50


def blocking(load: float, places: float) -> float:
    """Erlang B: fraction of refused sessions for Poisson arrivals and any durations. O(√places).

    1 / B = 1 + C/ρ + C (C − 1)/ρ² + …

    >>> blocking(2.0, 2)
    0.4
    """
    term, total = 1.0, 1.0
    for free in range(math.ceil(places), 0, -1):
        term *= free / load
        total += term
        if term < NEGLIGIBLE * total or total == math.inf:
            break
    return 1.0 / total


def offered_load(sessions: float, places: float, most_refused: float = MAX_REFUSED) -> float | None:
    """ρ with ρ (1 − B(ρ, places)) = `sessions`; None if more than `most_refused` are refused."""
    if blocking(sessions, places) < NO_REFUSALS:
        return sessions
    low, high = sessions, sessions / (1 - most_refused)
    if high * (1 - blocking(high, places)) < sessions:
        return None
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if middle * (1 - blocking(middle, places)) < sessions else (low, middle)
    return high
