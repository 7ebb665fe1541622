"""What a policy says of the next session is what its specification then does, with every draw."""

from __future__ import annotations

import copy
import random
from collections import Counter
from fractions import Fraction

import pytest

from slta.core.policies import POLICIES, Occupancies, Specification
from slta.core.policies.jlmu import explain as explain_jlmu
from slta.core.policies.slta import explain as explain_slta
from slta.core.policies.slta_greedy import explain as explain_slta_greedy
from slta.core.policies.steps import Opening, Standing
from slta.core.policies.tokens import Beta
from slta.core.ranking import rank_coordinates
from slta.core.utility import PoolClass, TableUtility, Utility
from tests.core.curves import linear, log_share, quadratic
from tests.toy.uniform import WITH_UNIFORM

CURVES: tuple[Utility, ...] = (
    log_share(20),
    log_share(30),
    linear(1),
    quadratic(2, "-1/5"),
    TableUtility(tuple(map(Fraction, (0, 3, 4, 4, 4)))),
)
FLEETS = 12
OPERATIONS = 60


def standing_of(policy: Specification) -> Standing:
    state = policy.occupancies
    counts = [
        [sum(x is not None and x >= level for x in column) for level in range(len(marginals) + 1)]
        for column, marginals in zip(state.columns, state.full_ranking.marginals, strict=True)
    ]
    names = [f"c{i}" for i in range(len(counts))]
    return Standing(names=names, ranking=state.ranking, counts=counts, rank=getattr(policy, "rank", 0))


def done_with_every_draw(policy: Specification, pools: int) -> tuple[set[str], Counter[tuple[int, int]]]:
    """The tokens, and how often each (class, level), when the draw falls on each of so many pools once."""
    tokens: set[str] = set()
    places: Counter[tuple[int, int]] = Counter()
    for k in range(pools):
        twin = copy.deepcopy(policy)
        decision = twin.assign((k + 0.5) / pools)
        assert decision is not None
        tokens.add(decision.token)
        level = twin.occupancies.columns[decision.pool_class][decision.pool]
        assert level is not None
        places[decision.pool_class, level] += 1
    return tokens, places


def happen(policy: Specification, chance: random.Random) -> None:
    """An arrival, a departure, or a pool that comes or goes."""
    columns = policy.occupancies.columns
    busy = [(i, k) for i, column in enumerate(columns) for k, x in enumerate(column) if x]
    what = chance.random()
    if what < 0.6 or not busy:
        policy.assign(chance.random())
    elif what < 0.9:
        policy.complete(*chance.choice(busy))
    else:
        column = chance.choice(columns)
        if chance.random() < 0.5:
            column.append(0)
        elif column:
            column[chance.randrange(len(column))] = None
        policy.pools_changed()


@pytest.mark.parametrize("name", sorted(name for name, row in WITH_UNIFORM.items() if row.places))
def test_the_step_that_is_said_to_decide_decides_with_every_draw(name: str) -> None:
    row, chance = WITH_UNIFORM[name], random.Random(f"{name} 4")
    steps_seen, refused = set(), 0
    for _ in range(FLEETS):
        classes = [PoolClass(f"c{i}", curve, 4) for i, curve in enumerate(chance.sample(CURVES, 3))]
        state = Occupancies(rank_coordinates(classes), [[0] * chance.randint(1, 5) for _ in classes])
        policy = row.specification(state, Beta(fixed=Fraction(1, 4)))
        for _ in range(OPERATIONS):
            happen(policy, chance)
            standing = standing_of(policy)
            if not standing.best_places():
                refused += 1
                assert copy.deepcopy(policy).assign(0.5) is None
                continue
            steps = row.explain(standing)
            number = next(k for k, step in enumerate(steps) if step.places)
            steps_seen.add(number)
            tokens, places = done_with_every_draw(policy, steps[number].pools)
            assert tokens == {steps[number].token}
            assert places == {(place.pool_class, place.level): place.pools for place in steps[number].places}
    assert refused
    assert steps_seen == set(range(len(steps))), "each step decided at some time"


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_every_policy_of_the_table_explains_itself_in_its_own_tokens(name: str) -> None:
    ranking = rank_coordinates([PoolClass("a", linear(1), 2)])
    steps = POLICIES[name].explain(Standing(names="a", ranking=ranking, counts=[[2, 1]], rank=1))
    assert {step.token for step in steps} == set(POLICIES[name].tokens)


# By hand: u_a = 4, 7, 9 and u_b = 3, 5. The order is (a,1) 4, (a,2) 3, (b,1) 3, (a,3) 2, (b,2) 2.
RANKING = rank_coordinates(
    [
        PoolClass("a", TableUtility(tuple(map(Fraction, (0, 4, 7, 9)))), 3),
        PoolClass("b", TableUtility(tuple(map(Fraction, (0, 3, 5)))), 2),
    ]
)
A_AND_B = (Opening(0, 1, 1), Opening(0, 2, 1)), (Opening(1, 1, 2),)
"""a holds 0 and 1, b holds 0 and 0."""


def standing(rank: int) -> Standing:
    return Standing(names="ab", ranking=RANKING, counts=[[2, 1], [2]], rank=rank)


def test_slta_at_rank_4_takes_green_tokens_of_a_first() -> None:
    """ℓ(4) = (2, 1), and (b, 1) is just before: a's two pools are below 2, b's two below 1. Yellow: a below 3."""
    first, second, third, fourth = explain_slta(standing(4))
    assert (first.places, second.places, third.places) == (A_AND_B[0], A_AND_B[1], A_AND_B[0])
    assert fourth.places == A_AND_B[0] + A_AND_B[1]
    assert first.rule == "a green token of a class other than b, which ranks just before r"
    assert [step.pools for step in (first, second, third, fourth)] == [2, 2, 2, 4]


def test_slta_at_rank_1_names_no_class_before_r() -> None:
    first, second, third, _ = explain_slta(standing(1))
    assert first.rule == "a green token of a class other than the class that ranks just before r"
    assert second.rule == "a green token of the class that ranks just before r"
    assert (first.places, second.places, third.pools) == ((), (), 1)


def test_slta_greedy_names_no_class_without_green_tokens() -> None:
    green, yellow = explain_slta_greedy(standing(1))
    assert (green.rule, green.places) == ("a green token of the class whose threshold ranks best", ())
    assert yellow.pools == 1


def test_slta_greedy_takes_those_of_the_class_whose_threshold_ranks_best() -> None:
    """(a, 2) has rank 2, (b, 1) rank 3."""
    green, _ = explain_slta_greedy(standing(4))
    assert (green.rule, green.places) == ("a green token of a, whose threshold ranks best", A_AND_B[0])


def test_slta_greedy_raises_r_until_a_pool_has_a_token() -> None:
    """At r = 1 nobody has one when a holds 1 and 1: (a, 2) has rank 2, and gives both a yellow one."""
    green, yellow = explain_slta_greedy(Standing(names="ab", ranking=RANKING, counts=[[2, 2], [2]], rank=1))
    assert (green.places, yellow.places) == ((), (Opening(0, 2, 2),))


def test_jlmu_takes_the_best_frontier() -> None:
    assert [step.places for step in explain_jlmu(standing(0))] == [(Opening(0, 1, 1),)]
