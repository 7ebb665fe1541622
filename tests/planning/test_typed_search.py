"""The search with session types asks the simulation: of small fleets, all of which can be simulated."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from slta.core.fleet import FleetSpec
from slta.core.orders import PAPER, Kink, Order
from slta_experiments.engine.simulate import Run, simulate
from slta_planning.expected_gap import blocking
from slta_planning.plan import simulation
from slta_planning.plan.answer import search_of
from slta_planning.plan.finding import best_within, cheapest_for, found_for, thinned
from slta_planning.plan.rounds import NoFleetError
from slta_planning.plan.search import Search, demand_of
from slta_planning.plan.simulation import Limits, SimulatedFigures, Simulation, TypeFigures, simulated
from slta_planning.plan.solving import Solution
from slta_planning.simulation import Measured, shape_of
from tests.planning.markets import best, market, spec_of

NO_LIMITS = Limits(None, 0.5)
SHARED = spec_of((5, 4, 3, 2), (3, 2, 1), sets=[[0], [0, 1]])
"""Type 1 depends on class 0, where type 2 finds more than in class 1."""
COSTS = (2.0, 1.0)


def searched(spec: FleetSpec, *hours: list[float], refused: float, costs: tuple[float, ...] = COSTS) -> Search:
    return search_of(spec, market(spec, costs, *hours, refused=refused), "jlmu", lambda: None)


@pytest.fixture(autouse=True)
def short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "RUN_SESSIONS", 5_000)


def test_a_type_alone_is_refused_by_erlangs_formula() -> None:
    spec = spec_of((3, 2), (9, 9, 9), sets=[[0]])
    found = simulated(spec, (4, 0), [0.0, 6.0], Limits(None, 0.15))
    (share,) = [one.refused for one in found.types if one.offered]
    assert share.mean == pytest.approx(blocking(6.0, 8), abs=4 * share.error)
    assert found.types[1].sessions[0] == pytest.approx(6 * (1 - share.mean), rel=0.02)
    assert found.types[1].sessions[1] == 0


def test_prices_keep_places_for_the_type_that_has_no_others() -> None:
    run = Run(horizon=510.0, sets=SHARED.type_sets)
    workload = simulation.workload_of((0.0, 6.0, 9.0), run.horizon, 0)
    without = simulate(shape_of(SHARED.classes, (4, 6)), 10, "JLMU", workload, run)
    share = without.refused[1] / without.arrived[1]
    assert simulated(SHARED, (4, 6), [0.0, 6.0, 9.0], NO_LIMITS).types[1].refused.mean < share / 2


def test_the_utility_of_a_single_pool_is_that_of_erlangs_distribution() -> None:
    """Where there is nothing to choose: E u(X), X Poisson, truncated at the capacity."""
    found = simulated(spec_of((7, 4, 2, 1), (1,), sets=[[0]]), (1, 0), [0.0, 2.0], NO_LIMITS)
    weights = np.array([2**k / math.factorial(k) for k in range(5)])
    expected = float(weights @ [0, 7, 11, 13, 14] / weights.sum())
    assert found.utility == pytest.approx(expected, abs=4 * found.measured.error)
    assert found.measured.error < 0.01 * expected
    assert (found.bound, found.gap) == (11, 11 - found.utility)


@pytest.mark.parametrize(("order", "fuller"), [(PAPER, 0), (Kink(), 1)])
def test_equal_places_are_filled_in_the_order_of_the_file(order: Order, fuller: int) -> None:
    """By class, or those behind the first level of class 1."""
    spec = replace(spec_of((3, 3, 3, 3), (9, 3, 3, 3), sets=[[0, 1]]), order=order)
    held = simulated(spec, (3, 3), [6.0, 2.0], NO_LIMITS).types[0].sessions
    assert held[fuller] > 2 * held[1 - fuller]


def test_a_runs_own_numbers_of_sessions_are_corrected_by_the_price() -> None:
    """On straight curves with room nothing is left of the runs' differences."""
    found = simulated(spec_of((3, 3, 3), (2, 2, 2), sets=[[0], [1]]), (20, 20), [0.0, 4.0, 5.0], NO_LIMITS)
    assert found.utility == pytest.approx(3 * 4 + 2 * 5)
    assert found.measured.error < 1e-6


def test_the_compatibility_gap_is_what_the_sets_cost() -> None:
    spec = spec_of((5, 1), (3, 1), sets=[[0]])
    found = simulated(spec, (2, 4), [0.0, 4.0], NO_LIMITS)
    assert found.compatibility_gap == (2 * 5 + 2 * 3) - (2 * 5 + 2 * 1)


def test_figures_repeat_and_sessions_of_a_type_are_in_its_classes() -> None:
    once, again = (simulated(SHARED, (6, 4), [1.0, 6.0, 9.0], NO_LIMITS) for _ in range(2))
    assert once == again
    assert once.types[1].sessions[1] == 0
    offered, held = (sum(column) for column in ([1.0, 6.0, 9.0], [sum(one.sessions) for one in once.types]))
    assert held == pytest.approx(offered, rel=0.03)


def test_runs_are_added_near_a_limit_only() -> None:
    far, near = (simulated(SHARED, (4, 3), [0.0, 6.0, 9.0], Limits(None, limit)) for limit in (0.5, 0.016))
    assert far.runs == simulation.LEAST_RUNS < near.runs
    assert far.types[1].refused.error > near.types[1].refused.error


def test_the_simulation_asks_for_more_than_the_programme() -> None:
    one, floors = searched(SHARED, [0.0, 6.0, 9.0], refused=0.01), np.array([40.0])
    rounds = cheapest_for(one, floors)
    first, last = rounds[0], rounds[-1]
    assert best(SHARED, first.pools, [0.0, 6.0, 9.0]).utility >= 40
    assert first.refusing > 0.01
    assert (last.refusing, last.missing) == (0, 0)
    assert last.cost > first.cost
    assert last.hours[0].refused <= 0.01
    assert last.hours[0].utility >= 40


@pytest.mark.parametrize(("floor", "refused"), [(40.0, 0.01), (55.0, 0.05)])
def test_the_answer_is_the_cheapest_of_all_mixes_that_keep_floor_and_refusals(floor: float, refused: float) -> None:
    loads, floors = [0.0, 6.0, 9.0], np.array([floor])
    one = searched(SHARED, loads, refused=refused)
    answer = found_for(one, floors).fleet
    everything = searched(SHARED, loads, refused=refused)
    cheaper = [mix for mix in product(range(20), range(30)) if everything.market.cost_of(mix) < answer.cost]
    roomy = [mix for mix in cheaper if best(SHARED, mix, loads).refused == 0]
    assert len(roomy) > 5
    assert not [mix for mix in roomy if everything.round_of(Solution(mix, proven=True), floors).keeps]


def test_of_a_day_every_load_is_kept() -> None:
    day = [0.0, 6.0, 2.0], [0.0, 0.0, 0.0], [0.0, 1.0, 9.0]
    found = cheapest_for(searched(SHARED, *day, refused=0.02), np.array([20.0, 0.0, 25.0]))[-1]
    assert [hour for hour in found.hours if not hour.refused <= 0.02] == []
    assert found.hours[1] == simulation.NO_FIGURES
    assert [hour.utility >= floor for hour, floor in zip(found.hours, (20, 0, 25), strict=True)] == [True] * 3


def test_within_a_budget_rounds_end_with_few_refusals_too() -> None:
    spec = spec_of((6, 6, 6, 5), (4, 4, 3), sets=[[0], [0, 1]])
    one = searched(spec, [0.0, 10.0, 30.0], refused=0.01, costs=(4.0, 1.0))
    rounds = best_within(one, 47.0)
    assert rounds[0].refusing > 0.01 >= rounds[-1].hours[0].refused
    assert rounds[-1].cost <= 47
    with pytest.raises(
        NoFleetError, match=r"no fleet was found for 32 that refuses so few: a fleet for 32 refuses [\d.]+ %"
    ):
        best_within(one, 32.0)
    with pytest.raises(
        NoFleetError,
        match=r"no fleet for 9 has the places that these sessions need: 18 in class 0 for type 1, 53 in all; the",
    ):
        best_within(one, 9.0)


def figures_of(offered: tuple[float, ...], refused: tuple[float, ...]) -> SimulatedFigures:
    types = [TypeFigures(n, Measured(r, 0.0), (0.0, 0.0), 0.0) for n, r in zip(offered, refused, strict=True)]
    return SimulatedFigures(0.0, 0.0, Measured(0.0, 0.0), tuple(types), 8, 8)


def test_a_demand_is_more_of_the_refused_types_than_the_fleet_has_room_for() -> None:
    seen = figures_of((0.0, 6.0, 4.0), (0.0, 0.1, 0.0))
    demand = demand_of(SHARED, (3, 2), seen, 0.01, 1)
    assert list(demand[[0, 2]]) == [0, 4]
    assert best(SHARED, (3, 2), [float(n) for n in demand]).refused > 0
    twice = demand_of(SHARED, (3, 2), seen, 0.01, 2)
    assert twice[1] > demand[1]


def test_a_mix_with_no_more_pools_than_one_that_missed_is_not_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    one = searched(SHARED, [0.0, 6.0, 9.0], refused=0.01)
    one.failed.append((5, 5))
    monkeypatch.setattr(simulation, "simulated", None)
    assert one.try_mix((5, 4), np.array([1.0])) == (None, Simulation.check_steps)


@pytest.mark.parametrize("seen", [(5, 4, 3), (3, 5, 5), (8, 0, 4)])
def test_the_prices_of_a_fleet_rule_out_no_mix_that_reaches_the_floor(seen: tuple[int, ...]) -> None:
    spec = spec_of((5, 4, 3, 2), (3, 2, 1), (4, 1), sets=[[0], [0, 1], [1, 2]])
    loads, floors = [0.0, 6.0, 9.0, 4.0], np.array([68.0])
    one = searched(spec, loads, refused=0.3, costs=(2.0, 1.0, 1.5))
    one.round_of(Solution(seen, proven=True), floors)
    found = one.mixes_below(floors, 20.0)
    reaching = [mix for mix in product(range(11), range(21), range(15)) if one.market.cost_of(mix) < 20]
    reaching = [mix for mix in reaching if one.may_earn(mix, floors)]
    rooms = [
        [sum(one.market.capacities[c] * mix[c] for c in r.classes) >= r.places for r in one.market.rooms]
        for mix in reaching
    ]
    roomy = {mix for mix, has in zip(reaching, rooms, strict=True) if all(has)}
    assert len(roomy) > 10
    assert roomy <= set(found)
    assert len(found) < len(reaching) * 4


def test_a_fleet_is_thinned_to_what_it_needs() -> None:
    one, floors = searched(SHARED, [0.0, 6.0, 9.0], refused=0.02), np.array([30.0])
    lavish = one.round_of(Solution((20, 9), proven=True), floors)
    found = thinned(one, floors, lavish)
    assert found.keeps
    for c in range(2):
        fewer = tuple(count - (k == c) for k, count in enumerate(found.pools))
        if min(fewer) >= 0:
            fresh = replace(one, failed=[], duals=[])
            assert fresh.try_mix(fewer, floors)[0] is None
