"""The table of policies: what stands in a row is what the policy does."""

from __future__ import annotations

import pytest

from slta.core.policies import DEFAULT_POLICY, PLACING, POLICIES, Observe, Occupancies, Policy
from slta.core.policies.tokens import Beta
from tests.core.curves import log_shares

RANKING = log_shares(20, 30)

each_policy = pytest.mark.parametrize("policy", POLICIES.values(), ids=lambda policy: policy.name)


def test_each_row_stands_under_its_name_and_the_first_is_the_default() -> None:
    assert [policy.name for policy in POLICIES.values()] == list(POLICIES)
    assert DEFAULT_POLICY.name == "slta"


@each_policy
def test_decisions_name_the_tokens_of_the_row_and_no_others(policy: Policy) -> None:
    # Filled behind its back, r = 1 is far too low: no tokens. Emptied, it is far too high: green, then yellow ones.
    specification = policy.specification(Occupancies(RANKING, [[0] * 3, [0] * 3]), Beta())
    seen = set()
    for held in (2, 0):
        specification.occupancies.columns = [[held] * 3, [held] * 3]
        while decision := specification.assign(0.5):
            seen.add(decision.token)
    assert seen == set(policy.tokens)


@pytest.mark.parametrize("policy", PLACING.values(), ids=PLACING)
def test_a_policy_knows_an_estimate_rank_where_it_keeps_thresholds_and_only_there(policy: Policy) -> None:
    decision = policy.specification(Occupancies(RANKING, [[0], [0]]), Beta()).assign(0.5)
    assert bool(decision.rank) == policy.has_thresholds


@pytest.mark.parametrize("policy", PLACING.values(), ids=PLACING)
@pytest.mark.parametrize(("a", "b"), [([3, 3], [3]), ([None], [None, 3]), ([None, None], []), ([], [])])
def test_without_room_nothing_is_placed_or_changes(policy: Policy, a: list[int | None], b: list[int | None]) -> None:
    specification = policy.specification(Occupancies(RANKING, [[*a], [*b]]), Beta())
    before = vars(specification).copy()
    assert specification.assign(0.5) is None
    assert (specification.occupancies.columns, vars(specification)) == ([a, b], before)


def test_observe_places_nothing_and_compares_each_report_with_jlmu_s_choice_at_the_state_before() -> None:
    observe = Observe(Occupancies(RANKING, [[0, 0], [0]]))
    assert observe.assign(0.5) is None
    delta = RANKING.marginals
    first = observe.report(0, 1, 0.5)
    assert (first.marginal_utility, first.choice_marginal_utility) == (delta[0][0], delta[1][0])
    assert (first.choice.pool_class, first.choice.pool) == (1, 0)
    assert observe.occupancies.columns == [[0, 1], [0]]
    observe.report(1, 0, 0.5)
    third = observe.report(1, 0, 0.5)
    assert (third.marginal_utility, third.choice_marginal_utility) == (delta[1][1], delta[0][0])
    while best := observe.choice(0):
        observe.report(best.pool_class, best.pool, 0)
    with pytest.raises(ValueError, match="no active pool has room"):
        observe.report(0, 0, 0.5)
