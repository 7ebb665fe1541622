"""Fluid limit of JLMU, eq. (10) (paper section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence

from slta.core.ranking import Ranking

Trajectory = Sequence[Sequence[float]]
"""q: `q[i][j]` is the fraction of pools of class i with at least j sessions, `q[i][0]` is α(i)."""


def frontier_rank(ranking: Ranking, q: Trajectory) -> int:
    """Rank of σ(q): the best (i, j) with q(i, j − 1) > q(i, j) (eq. 6); one past the last if all pools are full."""
    for rank, (i, j) in enumerate(ranking.order, start=1):
        if q[i][j - 1] > q[i][j]:
            return rank
    return len(ranking) + 1


def arrival_rates(ranking: Ranking, q: Trajectory, arrival_rate: float, service_rate: float) -> list[list[float]]:
    """Λ(q, i, j): arrival rate of class i at level j, per pool of the system (after eq. 10).

    Levels better than σ(q) are refilled at their departure rate; σ(q) gets the rest of λ = `arrival_rate`.
    """
    rates = [[0.0] * len(column) for column in q]
    left = arrival_rate
    frontier = frontier_rank(ranking, q)
    for i, j in ranking.order[: frontier - 1]:
        above = q[i][j + 1] if j + 1 < len(q[i]) else 0.0
        rates[i][j] = service_rate * j * (q[i][0] - above)
        left -= rates[i][j]
    if frontier <= len(ranking):
        i, j = ranking.coordinate(frontier)
        rates[i][j] = left
    return rates


def derivative(ranking: Ranking, q: Trajectory, arrival_rate: float, service_rate: float) -> list[list[float]]:
    """dq/dt of eq. (10a); `q[i]` has levels 0 to the capacity of class i, level 0 is constant."""
    rates = arrival_rates(ranking, q, arrival_rate, service_rate)
    return [
        [0.0]
        + [
            rates[i][j] - service_rate * j * (column[j] - (column[j + 1] if j + 1 < len(column) else 0.0))
            for j in range(1, len(column))
        ]
        for i, column in enumerate(q)
    ]
