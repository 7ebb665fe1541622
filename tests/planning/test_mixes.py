"""`slta plan` looks at cheaper mixes after its rounds: against all fleets of markets whose costs nearly tie."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slta.core.fleet import FleetSpec
from slta_planning.plan import finding
from slta_planning.plan import mixes as enumeration
from slta_planning.plan.answer import search_of
from slta_planning.plan.finding import cheapest_for, try_cheaper
from slta_planning.plan.rounds import Round
from slta_planning.plan.search import Search
from slta_planning.plan.solving import Solution
from tests.planning.markets import all_mixes, costs_of_three, days, earning, few, market, spec_of


@settings(deadline=None, max_examples=60)
@given(
    day=days(typed=False), costs=costs_of_three, share=st.sampled_from([-0.5, 0.3, 0.6, 0.95]), limit=st.integers(1, 80)
)
def test_the_mixes_below_a_limit_are_all_of_them(
    day: tuple[FleetSpec, list[list[float]]], costs: tuple[int, ...], share: float, limit: int
) -> None:
    spec, loads = day
    found = few(market(spec, costs[: len(spec.classes)], *loads))
    floors = share * max(column[0] for column in spec.ranking.marginals) * np.array(loads).sum(axis=1)
    mixes = [(float(found.costs @ np.array(pools)), pools) for pools in earning(spec, found, floors)]
    assert search_of(spec, found, "jlmu", lambda: None).mixes_below(floors, limit) == [
        pools for cost, pools in sorted(mixes) if cost < limit
    ]


NEARLY_TIED = [
    (spec_of((9, 4, 2, 1, 0), (9, 8, 5)), (8.69, 15.46), 11.0, 7.26),
    (spec_of((9, 4, 3), (9, 6)), (6.77, 8.86), 9.0, 7.81),
    (spec_of((9, 5), (9, 3, 3, 3)), (4.14, 4.06), 15.0, 6.07),
    (spec_of((9, 3), (8, 7, 2)), (8.31, 11.26), 8.0, 7.38),
    (spec_of((8, 2, 2, 1, 0), (4, 4), (7, 3)), (7.05, 4.53, 6.71), 12.0, 5.92),
]
"""Classes, costs, load and floor of a session; the costs are about what a pool is worth at one price."""
by_ties = pytest.mark.parametrize(("spec", "costs", "load", "floor"), NEARLY_TIED)


def nearly_tied(spec: FleetSpec, costs: tuple[float, ...], load: float, floor: float) -> tuple[Search, np.ndarray]:
    found = market(spec, costs, [load], refused=0.05)
    return search_of(spec, found, "jlmu", lambda: None), np.array([floor * load])


def keeping_below(one: Search, floors: np.ndarray, cost: float) -> list[Round]:
    """The mixes for less than this that are expected to keep the floors, by evaluating all."""
    fleets = [pools for pools in all_mixes(one.spec, one.market) if one.market.costs @ np.array(pools) < cost - 1e-9]
    rounds = [one.round_of(Solution(pools, proven=False), floors) for pools in fleets if any(pools)]
    return [found for found in rounds if not found.missing]


@by_ties
def test_among_mixes_that_nearly_tie_the_answer_is_the_cheapest(
    spec: FleetSpec, costs: tuple[float, ...], load: float, floor: float
) -> None:
    one, floors = nearly_tied(spec, costs, load, floor)
    rounds = cheapest_for(one, floors)
    trials = try_cheaper(one, floors, rounds)
    answer = trials.better or rounds[-1]
    assert answer.cost < rounds[-1].cost
    assert (trials.below, answer.missing) == (answer.cost, 0)
    assert keeping_below(one, floors, answer.cost) == []


@by_ties
@pytest.mark.parametrize(("place", "name"), [(finding, "TRIAL_STEPS"), (enumeration, "MAX_CELLS")])
def test_where_not_all_are_looked_at_none_below_the_bound_keeps_the_floor(
    spec: FleetSpec,
    costs: tuple[float, ...],
    load: float,
    floor: float,
    place: ModuleType,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, floors = nearly_tied(spec, costs, load, floor)
    rounds = cheapest_for(one, floors)
    monkeypatch.setattr(place, name, 500)
    trials = try_cheaper(one, floors, rounds[:1] + rounds[-1:])
    assert rounds[0].cost <= trials.below <= rounds[-1].cost
    assert keeping_below(one, floors, trials.below) == []


def test_where_there_are_too_many_mixes_the_cheapest_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    one, floors = nearly_tied(*NEARLY_TIED[-1])
    rounds = cheapest_for(one, floors)
    monkeypatch.setattr(enumeration, "MAX_CELLS", 600)
    trials = try_cheaper(one, floors, rounds)
    assert (trials.mixes, trials.better) == (6, None)
    assert trials.below == pytest.approx(rounds[0].cost + (rounds[-1].cost - rounds[0].cost) / 4)


def test_looking_ends_with_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    one, floors = nearly_tied(*NEARLY_TIED[-1])
    rounds = cheapest_for(one, floors)
    whole = try_cheaper(one, floors, rounds)
    monkeypatch.setattr(finding, "TRIAL_STEPS", 0)
    ended = try_cheaper(one, floors, [replace(found, hours=()) for found in rounds])
    assert (ended.mixes, ended.better, ended.below < whole.below) == (0, None, True)
