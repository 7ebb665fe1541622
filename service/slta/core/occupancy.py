"""Occupancy state q, its sessions and its utility (paper section 2.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from slta.core.ranking import Ranking

Counts = Sequence[Sequence[float]]
"""n·q: `counts[i][j]` pools of class i have at least j sessions; `counts[i][0]` is A(i)."""


def counts_of(occupancies: Iterable[Sequence[int]]) -> list[list[int]]:
    """n·q from the occupancies X(i, k) of each class's pools.

    >>> counts_of([[3, 0, 1]])  # three pools have at least 0 sessions, two at least 1, one at least 2, and 3
    [[3, 2, 1, 1]]
    """
    return [[sum(x >= j for x in column) for j in range(max(column, default=0) + 1)] for column in occupancies]


def total_sessions(counts: Counts) -> float:
    """n·s = Σ n·q(i, j) over j ≥ 1 (eq. 1)."""
    return sum(sum(column[1:]) for column in counts)


def total_utility(ranking: Ranking, counts: Counts) -> float:
    """n·u(q) = Σ n·q(i, j) Δ(i, j − 1): linear in q, hence also valid for averages (eq. 3)."""
    return sum(
        pools * marginal
        for i, column in enumerate(counts)
        for pools, marginal in zip(column[1:], ranking.marginals[i], strict=False)
    )
