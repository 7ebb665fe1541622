"""The bound U*(N_1 … N_T, A) from nothing."""

from __future__ import annotations

import random

import pytest

from slta.core.optimum import optimum
from slta.core.session_types.bound import bound
from slta.core.session_types.sets import TypeSets, everywhere
from slta_planning.evaluate.assignment import Assignment
from tests.core.session_types.worlds import World, fill, linear_program, world


def at_random(seed: int, **sizes: int) -> World:
    rng = random.Random(seed)
    at = world(rng, **sizes)
    fill(rng, at, rng.randint(0, 60))
    return at


def test_it_is_that_of_the_kept_assignment() -> None:
    for seed in range(300):
        at = at_random(seed)
        found = bound(at.sets, at.ranking, at.pools, at.sessions)
        kept = Assignment.of(at.sets, at.pools, at.marginals, at.sessions)
        assert found.utility == pytest.approx(kept.utility, rel=1e-12, abs=1e-6)
        assert found.refused == 0


def test_with_one_type_it_is_the_optimum_without_types() -> None:
    for seed in range(100):
        at = at_random(seed)
        best = optimum(at.ranking, at.pools, sum(at.held))
        found = bound(everywhere(len(at.pools)), at.ranking, at.pools, [sum(at.held)])
        assert found.utility == pytest.approx(best.utility if best else 0, rel=1e-12, abs=1e-6)


def test_the_assignment_that_is_there_is_not_above_it() -> None:
    for seed in range(300):
        at = at_random(seed)
        worth = sum(sum(at.marginals[c][:x]) for c, column in enumerate(at.columns) for x in column if x)
        assert worth <= bound(at.sets, at.ranking, at.pools, at.sessions).utility * (1 + 1e-12) + 1e-6


def test_sessions_without_room_in_a_class_of_their_type_are_refused() -> None:
    at = at_random(0)
    at.marginals, at.columns = [[5, 4], [3, 2]], [[0], [0]]
    found = bound(TypeSets(((0,), (0, 1))), at.ranking, at.pools, [4, 1])
    assert (found.utility, found.refused) == (12, 2)


@pytest.mark.parametrize("seeds", [range(12), pytest.param(range(12, 200), marks=pytest.mark.slow)])
def test_a_linear_program_has_the_same_optimum_for_means(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        at = world(rng, classes=8, types=6, capacity=9)
        at.marginals = [[value % 1000 for value in column] for column in at.marginals]
        at.marginals = [sorted(column, reverse=True) for column in at.marginals]
        pools = [rng.uniform(0, 5) for _ in at.marginals]
        sessions = [rng.uniform(0, 12) for _ in at.flow]
        found = bound(at.sets, at.ranking, pools, sessions)
        utility, refused = linear_program(at.sets, at.marginals, pools, sessions)
        assert found.refused == pytest.approx(refused, rel=1e-9, abs=1e-9)
        assert found.utility == pytest.approx(utility, rel=1e-9, abs=1e-6)
