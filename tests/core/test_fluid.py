"""The fluid limit of JLMU, eq. (10) (paper section 4.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta.core.fluid import arrival_rates, derivative, frontier_rank
from slta.core.optimum import optimal_assignment, optimum
from slta.core.ranking import Ranking
from tests.core.curves import log_shares
from tests.core.strategies import Fleet, fleets

# Δ(1, ·) = log 5, log 1.25, log 0.74, Δ(2, ·) = log 10, log 2.5, log 1.48; the order is therefore
# (2,1), (1,1), (2,2), (2,3), (1,2), (1,3).
RANKING = log_shares(5, 10)


def fractions_of(fleet: Fleet) -> list[list[float]]:
    """q of a fleet's state, each column down to the capacity of its class."""
    n = sum(fleet.pools)
    return [
        [sum(x >= j for x in column) / n for j in range(c.capacity + 1)]
        for c, column in zip(fleet.classes, fleet.columns, strict=True)
    ]


def equilibrium(ranking: Ranking, alpha: list[float], load: float) -> list[list[float]]:
    """q*, each column down to the capacity of its class."""
    best = optimum(ranking, alpha, load)
    assert best is not None
    columns = optimal_assignment(ranking, alpha, best)
    return [column + [0.0] * (len(m) + 1 - len(column)) for column, m in zip(columns, ranking.marginals, strict=True)]


def test_better_levels_are_refilled_as_fast_as_they_empty_and_the_frontier_takes_the_rest() -> None:
    # All pools of class 2 hold 1, some of class 1 do: σ(q) = (1,1). Sessions leave level 1 of class 2 at rate
    # 1 · (½ − 0), and ½ of λ = 2 refills it; the other 3/2 join class 1, where 0.2 leave.
    q = [[0.5, 0.2, 0, 0], [0.5, 0.5, 0, 0]]
    assert frontier_rank(RANKING, q) == 2
    assert arrival_rates(RANKING, q, arrival_rate=2, service_rate=1) == [[0, 1.5, 0, 0], [0, 0.5, 0, 0]]
    assert derivative(RANKING, q, arrival_rate=2, service_rate=1) == [[0, 1.3, 0, 0], [0, 0, 0, 0]]


def test_a_full_system_takes_only_what_it_loses() -> None:
    # Capacity 3 in all: 3 · 1 leave and come back; the rest of λ = 5 finds no place.
    full = [[0.5] * 4, [0.5] * 4]
    assert frontier_rank(RANKING, full) == len(RANKING) + 1
    assert derivative(RANKING, full, arrival_rate=5, service_rate=1) == [[0.0] * 4, [0.0] * 4]


@given(fleet=fleets(), part=st.floats(0, 0.999), service_rate=st.floats(0.1, 10))
def test_the_optimal_assignment_is_an_equilibrium(fleet: Fleet, part: float, service_rate: float) -> None:
    # Theorem 4: dq/dt = 0 at q*(ρ), for every load below the capacity.
    alpha = [count / sum(fleet.pools) for count in fleet.pools]
    load = part * fleet.capacity(alpha)
    rates = derivative(fleet.ranking, equilibrium(fleet.ranking, alpha, load), load * service_rate, service_rate)
    assert max(abs(rate) for column in rates for rate in column) < 1e-9 * (1 + load * service_rate)


@given(fleet=fleets(), arrival_rate=st.floats(0, 20), service_rate=st.floats(0.1, 10))
def test_sessions_come_and_leave_at_their_own_rates(fleet: Fleet, arrival_rate: float, service_rate: float) -> None:
    # Σ dq/dt = λ − μ s from every state with room: placing well changes where sessions are, not how many.
    if fleet.sessions == fleet.capacity():
        fleet.columns[[bool(column) for column in fleet.columns].index(True)][0] -= 1
    q = fractions_of(fleet)
    sessions = sum(sum(column[1:]) for column in q)
    total = sum(map(sum, derivative(fleet.ranking, q, arrival_rate, service_rate)))
    assert total == pytest.approx(arrival_rate - service_rate * sessions, abs=1e-9)
