"""`slta plan` finds the cheapest fleet: against all fleets of small cases, and against the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from slta.core.fleet import FleetSpec
from slta.core.orders import PAPER, Index, Order
from slta.core.policies import PLACING, POLICIES
from slta.core.utility import LogShareUtility, PoolClass
from slta_planning.expected_gap import blocking
from slta_planning.plan.answer import search_of
from slta_planning.plan.expected import (
    Expectation,
    ExpectedFigures,
    Lost,
    PlacementGap,
    difference,
    expected,
    mean_optimum,
    simulated_utility,
    worths_of,
)
from slta_planning.plan.finding import best_within, cheapest_for, found_for
from slta_planning.plan.market import Market, places_for
from slta_planning.plan.rounds import NoFleetError, Round
from slta_planning.plan.search import Search
from slta_planning.simulation import shape_of
from tests.planning.markets import best, market, spec_of
from tests.planning.test_expected_gap import erlang


@pytest.mark.parametrize("load", [0.5, 3.0, 40.0, 400.0])
def test_the_places_are_the_fewest_that_refuse_so_little(load: float) -> None:
    places = places_for(load, 0.001)
    assert erlang(load, places) <= 0.001 < erlang(load, places - 1)
    assert blocking(load, places) == pytest.approx(erlang(load, places))


@pytest.mark.parametrize("load", [0.7, 6.0, 11.0])
def test_what_swings_cost_is_that_of_erlangs_fleet(load: float) -> None:
    spec, pools = spec_of((4, 2, 1), (3, 3)), [2, 3]
    weights = [1.0]
    for k in range(1, 13):
        weights.append(weights[-1] * load / k)
    mean = sum(w * best(spec, pools, [k]).utility for k, w in enumerate(weights)) / sum(weights)
    assert mean_optimum(shape_of(spec.classes, pools), 12, load) == pytest.approx(mean)


def losing(share: float, ran: list[int]) -> PlacementGap:
    """A placement that loses a share of a unit for each pool."""

    def lost(pools: Sequence[int], sessions: float) -> Lost:
        ran.append(1)
        return Lost(share * sum(pools), predicted=True)

    return lost


def search(spec: FleetSpec, found: Market, share: float, ran: list[int] | None = None) -> Search:
    lost = losing(share, [] if ran is None else ran)
    return Search(spec, found, Expectation(spec, lost, found.rooms[0].places), lambda: None)


def utilities(one: Round) -> list[ExpectedFigures]:
    return [hour for hour in one.hours if isinstance(hour, ExpectedFigures)]


def test_rounds_end_with_a_fleet_that_is_expected_to_keep_every_floor() -> None:
    spec = spec_of((10, 8, 6, 4, 2), (12, 6, 1))
    found = market(spec, (2.0, 1.5), [20.0], [33.0], refused=0.001)
    floors = np.array([9.0 * 20, 9.0 * 33])
    rounds = cheapest_for(search(spec, found, 0.2), floors)
    assert 1 < len(rounds) <= 5
    assert rounds[0].missing > 0
    assert rounds[-1].missing == 0
    assert [r.cost for r in rounds] == sorted(r.cost for r in rounds)
    for floor, hour in zip(floors, utilities(rounds[-1]), strict=True):
        assert hour.utility >= floor * (1 - 1e-9)
        assert hour.utility == hour.bound - hour.swing_gap - hour.placement_gap


def test_a_shortfall_of_less_than_a_millionth_is_not_called_kept() -> None:
    spec = spec_of((10, 8, 6, 4, 2), (12, 6, 1))
    found = market(spec, (2.0, 1.5), [20.0], refused=0.001)
    reached = cheapest_for(search(spec, found, 0.0), np.array([180.0]))[-1].hours[0].utility
    last = cheapest_for(search(spec, found, 1e-6), np.array([reached]))[-1]
    assert last.hours[0].utility >= reached * (1 - 1e-9)


def test_a_fleet_that_cannot_keep_the_floor_is_not_called_one() -> None:
    spec = spec_of((10, 8, 6), (12, 6, 1))
    found = market(spec, (2.0, 1.5), [20.0], refused=0.001)
    with pytest.raises(NoFleetError, match=r"swings and placement lose too much; a fleet for .* misses it by"):
        found_for(search(spec, found, 4.0), np.array([180.0]))
    with pytest.raises(NoFleetError, match="even with the best placement"):
        cheapest_for(search(spec, found, 0.0), np.array([241.0]))
    with pytest.raises(NoFleetError, match=r"no fleet for 2 has the places .*: \d+ in all; the cheapest .* costs \d"):
        best_within(search(spec, found, 0.0), 2.0)


def test_each_load_of_each_round_is_told() -> None:
    spec, ran = spec_of((10, 8, 6), (12, 6, 1)), list[int]()
    seen = best_within(search(spec, market(spec, (2.0, 1.5), [3.0], [0.0], [7.0]), 0.0, ran), 40.0)[0].hours
    assert (len(seen), len(ran)) == (3, 2)
    assert (seen[1].bound, seen[1].utility) == (0, 0)


@pytest.mark.parametrize(("then", "more"), [(0.1 + 0.2, 0), (0.3 + 1e-9, 1e-9), (-0.3, -0.6)])
def test_a_difference_within_rounding_is_none(then: float, more: float) -> None:
    assert difference(then, 0.3) == pytest.approx(more, rel=1e-6, abs=0)


def test_one_more_pool_adds_at_most_what_the_metric_shows() -> None:
    spec, pools, loads = spec_of((10, 8, 6), (12, 6, 1)), (3, 2), (6.0, 9.0)
    for i, worth in enumerate(worths_of(spec, pools, [[load] for load in loads])):
        more = [count + (k == i) for k, count in enumerate(pools)]
        added = sum(best(spec, more, [load]).utility - best(spec, pools, [load]).utility for load in loads) / 2
        assert worth.adds == pytest.approx(added)
        assert worth.metric >= worth.adds


@pytest.mark.parametrize("policy", list(PLACING))
def test_the_floor_holds_in_virtual_time(policy: str) -> None:
    classes = tuple(PoolClass(f"r = {r}", LogShareUtility(Fraction(r)), 40) for r in (20, 30))
    spec = FleetSpec(classes, policy=POLICIES[policy])
    load, floor = 120.0, 1.2 * 120
    found = market(spec, (1.0, 1.6), [load], refused=0.001)
    plan = cheapest_for(search_of(spec, found, policy, lambda: None), np.array([floor]))[-1]
    (seen,) = utilities(plan)
    measured = simulated_utility(spec, spec.policy, plan.pools, load, seen)
    assert measured.mean + 3 * measured.error >= floor
    assert measured.mean == pytest.approx(seen.utility, abs=4 * measured.error + 0.1 * seen.placement_gap)


@pytest.mark.parametrize("order", [PAPER, Index(1.0)])
def test_expected_is_the_bound_less_what_is_lost_in_any_order_of_places(order: Order) -> None:
    paper = spec_of((15, 12, 11, 7), (18, 17, 13, 4))
    seen = expected(replace(paper, order=order), [2, 3], 8.0, losing(0.25, []))
    assert (seen.bound, seen.placement_gap) == (best(paper, [2, 3], [8.0]).utility, 1.25)
    assert seen.swing_gap > 0
    assert seen.refused == pytest.approx(erlang(8.0, 20))
