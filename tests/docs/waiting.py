"""Waiting time of a rollout: new sessions until the difference between both shares can be told from none."""

from __future__ import annotations

from slta.core.differences import ONE_IN

ERRORS = 3
"""A difference counts if it is more than so many of its standard errors."""
LEAST_DRAWN = 10
"""Of either source: of fewer, mean and standard error say little."""


def sessions_needed(difference: float, share: float, placed_deviation: float, reported_deviation: float) -> float:
    """New sessions in all, of which slta places the fraction `share`, until `ERRORS` standard errors are `difference`.

    One in `ONE_IN` of each source is drawn; the standard deviations are those of single drawn sessions, which are taken
    as independent. At least `LEAST_DRAWN` of either source are drawn. The unit is that of the difference.

    >>> round(sessions_needed(0.1, 0.5, 0.2, 0.2))
    2304
    """
    variance = placed_deviation**2 / share + reported_deviation**2 / (1 - share)
    return ONE_IN * max((ERRORS / difference) ** 2 * variance, LEAST_DRAWN / min(share, 1 - share))
