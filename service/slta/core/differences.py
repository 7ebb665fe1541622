"""Difference at placing: what a session would have added on the best place that was free, less what it adds.

As executable specification. A fleet that places sessions averages it over a random sixteenth of the sessions of each
source. It rates single decisions, in the state that all of them together have made.
"""

from __future__ import annotations

from collections.abc import Sequence

ONE_IN = 16
"""One in so many sessions is drawn."""


def is_drawn(draw: float) -> bool:
    """Whether the session of this draw in [0, 1) is one: by its lowest four of 53 bits.

    A choice among pools depends on the high bits, so drawn sessions are placed as all others are.

    >>> is_drawn(0.5), is_drawn(0.5 + 2**-53)
    (True, False)
    """
    return draw * 2**53 % ONE_IN == 0


def difference_at_placing(
    marginals: Sequence[Sequence[float]], columns: Sequence[Sequence[int | None]], pool_class: int, level: int
) -> float:
    """Largest Δ(i, x) of any active pool with room, less Δ of class `pool_class` at `level`, one of its free places.

    `marginals[i][x]` is Δ(i, x) for x below the capacity. `columns[i][k]` are the sessions on pool k of class i just
    before, None if it is not active. At least 0.

    >>> difference_at_placing([[4, 2], [3]], [[1, 0], [0]], pool_class=1, level=1)  # the second pool offers 4
    1
    """
    offers = (
        marginals[i][x] for i, column in enumerate(columns) for x in column if x is not None and x < len(marginals[i])
    )
    return max(offers) - marginals[pool_class][level - 1]
