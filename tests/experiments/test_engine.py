"""The event loop is the specification, faster."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slta.core.orders import PAPER, Index, Kink, Order
from slta.core.policies import POLICIES as SPECIFIED
from slta.core.policies import Occupancies
from slta.core.policies.choice import NOTHING
from slta.core.policies.tokens import Beta, Tokens
from slta.core.utility import PoolClass, TableUtility
from slta_experiments.engine.compiling import sources_digest
from slta_experiments.engine.dispatch import REJECTIONS
from slta_experiments.engine.loop import event_loop
from slta_experiments.engine.simulate import POLICIES, Run, events_of, loop_of, meter_of, optimal_columns, simulate
from slta_experiments.engine.state import State, join, leave, state_of
from slta_experiments.engine.tables import dispatch_order, memory_of, optimum_table
from slta_experiments.fleets import FIGURE_3_RIGHT, STRONG, TABLE_1, FleetShape, log_share
from slta_experiments.workload import from_present, generator, stationary, stepped, workload_of

SMALL = log_share("small", (5, 9), (1, 1), 6)
KINKED = FleetShape(
    "kinked",
    (
        PoolClass("flat", TableUtility(tuple(map(Fraction, (0, 1, 2, 3, 4, 5, 5)))), 6),
        PoolClass("steep", TableUtility(tuple(map(Fraction, (0, 3, 4, 5, 6, 6, 6)))), 6),
        PoolClass("middling", TableUtility(tuple(map(Fraction, (0, 2, 4, 5, 6, 7, 7)))), 6),
    ),
    (1, 1, 1),
)
THREE = log_share("three classes", (5, 7, 9), (1, 1, 1), 6)


def columns_in_order(state: State, shape: FleetShape, n: int) -> list[list[int]]:
    """The occupancies as the loop keeps them: each class's pools from the least occupied up."""
    members = [int(m) for m in state.members]
    columns, at = [], 0
    for pools in shape.pools(n):
        columns.append([int(state.occupancy[m]) for m in members[at : at + pools]])
        at += pools
    return columns


LEARNING = ("SLTA", "SLTA-greedy")
CASES: list[tuple[str, FleetShape, Order, str]] = [
    *((policy, shape, PAPER, beta) for policy in LEARNING for shape in (SMALL, THREE) for beta in ("0", "0.45")),
    *((policy, KINKED, Kink(), "0.45") for policy in LEARNING),
    *(("JLMU", shape, order, "0.45") for shape in (SMALL, KINKED) for order in (PAPER, Kink(), Index(6.0))),
]
"""Policy, fleet, order and exponent of β."""


def history(policy: str, shape: FleetShape, kind: Order, exponent: str) -> Iterator[tuple[Any, Any]]:
    """What the loop's policy did and what the specification does, for each arrival of a random history.

    Now and then all pools fill up to a level that r does not know of, as after reports.
    """
    rng, n, ranking = random.Random(2), 4 * sum(shape.shares), shape.arranged(kind)
    state = state_of([[0] * pools for pools in shape.pools(n)], shape.capacities)
    beta = Beta(exponent=Fraction(exponent))
    order, memory = dispatch_order(shape, ranking, state), memory_of(shape, ranking, 1, beta.min_green(n))
    for _ in range(2_000):
        busy = [p for p in range(n) if state.occupancy[p]]
        if rng.random() < 0.01:
            for pool in range(n):
                if state.occupancy[pool] < state.capacity[state.pool_class[pool]]:
                    join(state, pool)
        elif rng.random() < 0.52:
            occupancies = Occupancies(ranking, columns_in_order(state, shape, n))
            specification = SPECIFIED[policy.lower()].specification(occupancies, beta)
            if isinstance(specification, Tokens):
                specification._set_rank(int(memory.rank[0]))
            draw = rng.random()
            decision = specification.assign(draw)
            chosen = POLICIES[policy](state, order, memory, 0, draw)
            if decision is None:
                yield chosen, NOTHING
                continue
            placed = int(state.pool_class[chosen]), columns_in_order(state, shape, n)
            yield placed, (decision.pool_class, [sorted(column) for column in occupancies.columns])
            if isinstance(specification, Tokens):
                learned = int(memory.rank[0]), tuple(memory.thresholds)
                yield learned, (decision.rank, ranking.thresholds(decision.rank))
        elif busy:
            leave(state, rng.choice(busy))


@pytest.mark.parametrize(("policy", "shape", "kind", "exponent"), CASES)
def test_every_decision_is_the_specifications(policy: str, shape: FleetShape, kind: Order, exponent: str) -> None:
    for done, specified in history(policy, shape, kind, exponent):
        assert done == specified


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
def test_compiled_code_and_plain_python_agree_to_the_last_bit(policy: str) -> None:
    n, horizon = 20, 30.0
    workload = stationary(generator(99, n), n * 9.75, horizon)
    run = Run(horizon=horizon, warm_up=5.0)
    compiled = simulate(TABLE_1, n, policy, workload, run)
    columns = optimal_columns(TABLE_1, n, workload.initial)
    state = state_of(columns, TABLE_1.capacities)
    order = dispatch_order(TABLE_1, TABLE_1.ranking, state)
    memory = memory_of(TABLE_1, TABLE_1.ranking, TABLE_1.optimum(n, workload.initial).rank, run.beta.min_green(n))
    meter = meter_of(TABLE_1, n, run, workload.most, columns)
    plain = event_loop(POLICIES[policy])
    plain(state, order, memory, events_of(workload, columns), meter, horizon)
    assert compiled.counters == tuple(memory.counters)
    assert compiled.gaps.utility_mean == meter.areas[1] / 25.0 / n
    loop: Any = loop_of(policy)
    assert loop is not plain
    assert loop.signatures


@pytest.mark.slow
def test_another_process_finds_the_compiled_loop(tmp_path: Path) -> None:
    code = """
import json
from slta_experiments.engine.simulate import Run, loop_of, simulate
from slta_experiments.fleets import TABLE_1
from slta_experiments.workload import generator, stationary
simulate(TABLE_1, 4, "JLMU", stationary(generator(1), 20.0, 2.0), Run(horizon=2.0, warm_up=0.0))
seen = loop_of("JLMU").stats
print(json.dumps([sum(seen.cache_hits.values()), sum(seen.cache_misses.values())]))
"""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    seen = [
        json.loads(subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)) for _ in range(2)
    ]
    assert seen == [[0, 1], [1, 0]]


def test_the_cache_knows_the_text_of_the_rules() -> None:
    assert len(sources_digest()) == 64
    assert loop_of("SLTA") is loop_of("SLTA")


def test_coupled_runs_have_exactly_the_same_sessions() -> None:
    workload = stationary(generator(5), 20 * 9.75, 10.0)
    run = Run(horizon=10.0, warm_up=5.0)
    seen = {simulate(TABLE_1, 20, p, workload, run).gaps.mean_sessions_per_pool for p in ("SLTA", "JLMU", "random")}
    assert len(seen) == 1


@pytest.mark.parametrize("policy", ["SLTA", "SLTA-greedy", "JLMU", "random", "round robin", "two choices"])
@pytest.mark.parametrize("shape", [TABLE_1, FIGURE_3_RIGHT, STRONG], ids=lambda shape: shape.name)
def test_no_average_exceeds_its_bound(policy: str, shape: FleetShape) -> None:
    n = 12
    loads = [(0.0, 4.0 * n), (4.0, 14.0 * n), (8.0, 2.0 * n)]
    workload = stepped(generator(6), 60, loads, 12.0)
    gaps = simulate(shape, n, policy, workload, Run(horizon=12.0, warm_up=0.0)).gaps
    assert gaps.placement_gap >= -1e-9
    assert gaps.swing_gap >= -1e-9
    assert gaps.utility_gap >= -1e-9


def test_the_table_of_optima_is_the_cores_optimum() -> None:
    table = optimum_table(SMALL, 10, 70)
    for sessions in range(71):
        assert table[sessions] == pytest.approx(SMALL.optimum(10, sessions).utility, abs=1e-12)


def test_sessions_in_an_optimal_start_are_all_placed() -> None:
    for sessions in range(61):
        columns = optimal_columns(SMALL, 10, sessions)
        assert sum(map(sum, columns)) == sessions


def test_a_full_fleet_turns_sessions_away_and_forgets_them() -> None:
    workload = from_present(generator(7), 0, 200.0, 5.0)
    outcome = simulate(SMALL, 10, "JLMU", workload, Run(horizon=5.0, warm_up=0.0, rank=1))
    assert outcome.counters[REJECTIONS] > 0
    assert outcome.gaps.mean_sessions_per_pool <= 6


def test_more_sessions_at_the_start_than_the_fleet_can_hold_leave_it_full() -> None:
    workload = from_present(generator(7), 100, 0.0, 50.0)
    outcome = simulate(SMALL, 10, "JLMU", workload, Run(horizon=0.001, warm_up=0.0))
    assert outcome.gaps.mean_sessions_per_pool == pytest.approx(6, abs=0.5)
    assert simulate(SMALL, 10, "JLMU", workload, Run(horizon=50.0, warm_up=49.0)).gaps.mean_sessions_per_pool == 0


def test_most_sessions_is_never_passed() -> None:
    workload = stationary(generator(8), 40.0, 10.0)
    times = np.linspace(0, 10, 500)
    there = [workload.initial + (workload.arrivals <= t).sum() - (workload.departures <= t).sum() for t in times]
    assert max(there) <= workload.most


def test_sessions_that_last_no_time_come_and_go() -> None:
    times = np.array([1.0, 1.0, 2.0])
    workload = workload_of(0, times, times + np.array([0.0, 1.0, 0.0]), np.array([0.1, 0.5, 0.9]))
    assert workload.most == 2
    outcome = simulate(SMALL, 2, "SLTA", workload, Run(horizon=4.0, warm_up=0.0, rank=1, sample_times=[0.5, 1.5, 3.0]))
    assert (outcome.samples.sessions * 2).tolist() == [0, 1, 0]


def test_from_empty_no_session_is_placed_at_random() -> None:
    workload = from_present(generator(11), 0, 500.0, 20.0)
    assert simulate(TABLE_1, 50, "SLTA", workload, Run(horizon=20.0, warm_up=0.0, rank=1)).counters[2] == 0
