"""The study `session-types`: its loads and bounds, its page, and resuming it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.studies import session_types
from lab.studies.kneed_fleets import ADVERSARIAL, FEW, Kneed, adversarial, small_fleets
from lab.studies.session_types import Trial, below, data_of, measure, row_of, study, trials_of
from lab.studies.session_types_page import LINES
from lab.studies.typed_fleets import PERIOD, RANDOM_FLEETS, Demand, designed, random_case
from lab.studies.typed_search import mutated, search, value
from slta_experiments import resuming
from slta_experiments.engine import simulate as engine
from slta_experiments.engine.loop import event_loop
from slta_experiments.resuming import each_kept
from slta_experiments.studies import UnsuitableError


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "loop_of", lambda policy: event_loop(engine.POLICIES[policy]))


# Loads and bounds


def test_a_swinging_load_is_a_fifth_less_and_half_of_it_up_and_down() -> None:
    rates = Demand((2.0, 3.0, 5.0), swinging=True).rate(2, np.linspace(0, PERIOD, 481))
    assert (rates.min(), rates.mean(), rates.max()) == pytest.approx((2.0, 4.0, 6.0), abs=0.01)


def test_types_swing_in_turn() -> None:
    demand, times = Demand((1.0, 1.0, 1.0), swinging=True), np.linspace(0, PERIOD, 13)
    assert demand.rate(1, times) == pytest.approx(demand.rate(0, times + PERIOD / 3))


def test_random_fleets_are_as_the_page_describes_them() -> None:
    cases = [random_case(number) for number in range(RANDOM_FLEETS)]
    assert cases == [random_case(number) for number in range(RANDOM_FLEETS)]
    assert sum(case.is_full for case in cases) == RANDOM_FLEETS // 3
    assert sum(case.demand.swinging for case in cases) == RANDOM_FLEETS // 2
    for case in cases:
        assert 3 <= len(case.shape.classes) <= 6
        assert 22 <= case.n <= 302
        assert 2 <= len(set(case.sets.classes)) <= len(case.sets.classes) <= 5
        if case.is_full:
            assert min(m for column in case.shape.ranking.marginals for m in column) > 0


def test_a_class_has_a_knee_and_a_twentieth_of_its_slope_beyond() -> None:
    utility = Kneed(pools=2, capacity=4, slope=8.0, knee=2, bend=0.5).pool_class("a").utility
    assert [float(utility.value(x)) for x in range(5)] == pytest.approx([0, 7.5, 14, 14.4, 14.8])


def test_small_fleets_have_fewer_than_24_pools_and_types_that_differ() -> None:
    assert [case for case in small_fleets(20) if not (case.n in FEW and len(set(case.sets.classes)) > 1)] == []


@pytest.mark.parametrize("n", [24, 200])
def test_adversarial_fleets_fill_and_a_rare_type_is_a_hundredth(n: int) -> None:
    for case in (adversarial(number, n) for number in range(ADVERSARIAL)):
        places = sum(c * a for c, a in zip(case.shape.capacities, case.shape.pools(case.n), strict=True))
        assert 0.74 <= case.n * sum(case.demand.loads) / places <= 1.11
        rare = pytest.approx(sum(case.demand.loads) / 100) if case.graph.startswith("rare") else case.demand.loads[0]
        assert case.demand.loads[0] == rare


@pytest.mark.slow
def test_a_search_climbs_to_fleets_that_lose_more() -> None:
    found = search("first price", 8, 40, seed=1, sessions=60)
    assert found[0][0] == value(found[0][1], "first price", 60, range(77, 80)) < 0
    rng = np.random.default_rng(1)
    changed = {mutated(rng, found[0][1]) for _ in range(40)}
    assert len(changed) > 20
    assert [c for fleet in changed for c in fleet.classes if not (c.knee <= c.capacity and c.pools >= 1)] == []


# Runs


def short(case_of: Any, monkeypatch: pytest.MonkeyPatch) -> Trial:
    monkeypatch.setattr(session_types, "LEAST_PERIODS", 1)
    return Trial(case_of, seed=0, pool_time=1.0)


@pytest.mark.usefixtures("uncompiled")
def test_no_utility_of_a_small_run_exceeds_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_types, "LEAST_PERIODS", 1)
    monkeypatch.setattr(session_types, "WARM_UP", 1.0)
    shown = {("log", (2.0, 3.0, 5.0)), ("full", (1.5, 2.0, 4.0))}
    cases = [case for case in designed(4) if case.graph == "nested" and (case.fleet, case.demand.loads) in shown]
    small = random_case(2)
    tiny = replace(small.shape, shares=(1,) * len(small.shape.shares))
    cells = [[Trial(case, 0, 1.0)] for case in [*cases, replace(small, shape=tiny, n=len(tiny.shares))]]
    results = [measure(trial) for cell in cells for trial in cell]
    for result in results:
        for line in LINES:
            assert result[line]["utility"] <= result[line]["bound"]
            assert result[line]["utility"] <= result["own"]
    rows = data_of(cells, results)["rows"]
    assert [(row["fleet"], row["seeds"]) for row in rows] == [(cell[0].case.fleet, 1) for cell in cells]


@pytest.mark.usefixtures("uncompiled")
def test_both_lines_meet_the_same_sessions_and_one_type_gains_with_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(c for c in designed(8) if c.fleet == "full" and c.demand.loads == (1.5, 2.0, 4.0))
    found = measure(short(case, monkeypatch))
    assert found["price"]["refused"][0] < found["JLMU"]["refused"][0] / 2
    assert found["price"]["utility"] > found["JLMU"]["utility"]


def test_a_row_has_paired_gains_and_shares_in_percent() -> None:
    def figures(utility: float) -> dict[str, Any]:
        return {"utility": utility, "bound": 10.0, "refused": [0.5, 0.0]}

    result = {"own": 12.0, "JLMU": figures(8.0), "price": figures(9.0)}
    assert below(result, "price", 10.0) == pytest.approx(10.0)
    row = row_of(next(designed(8)), [result, result])
    assert (row["group"], row["times"]) == ("nested", 2)
    figures_of_price = {"gap": [10.0, 0.0], "own_loss": [25.0, 0.0], "gain": [12.5, 0.0]}
    assert row["lines"]["price"] == {"utility": 9.0, **figures_of_price, "refused": [50.0, 0.0]}


def test_large_fleets_get_half_of_the_seeds() -> None:
    assert [len(trials_of(next(designed(n)), 20)) for n in (24, 1000)] == [20, 10]


def test_a_size_that_four_does_not_divide_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsuitableError, match="multiple of 4"):
        study([30], 1, 1, tmp_path / "kept.jsonl")


# Resuming


def test_a_study_goes_on_where_it_stopped(tmp_path: Path) -> None:
    file, seen = tmp_path / "deep" / "kept.jsonl", list[int]()

    def square(item: int) -> int:
        if item == 3 and len(seen) < 4:
            raise KeyboardInterrupt
        seen.append(item)
        return item * item

    with pytest.raises(KeyboardInterrupt):
        each_kept(square, [1, 2, 3], "squares", 1, file)
    seen += [0, 0]
    assert each_kept(square, [1, 2, 3, 4], "squares", 1, file) == [1, 4, 9, 16]
    assert seen == [1, 2, 0, 0, 3, 4]


def test_a_line_that_was_cut_short_is_computed_again(tmp_path: Path) -> None:
    file = tmp_path / "kept.jsonl"
    each_kept(abs, [-1, -2], "sizes", 1, file)
    file.write_text(file.read_text(encoding="utf-8")[:-3], encoding="utf-8")
    assert each_kept(abs, [-1, -2], "sizes", 1, file) == [1, 2]
    assert each_kept(lambda _: 7, [-1, -2], "sizes", 1, file) == [1, 2]


def test_results_of_other_rules_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    each_kept(abs, [-1], "sizes", 1, tmp_path / "kept.jsonl")
    monkeypatch.setattr(resuming, "sources_digest", lambda: "other")
    assert each_kept(lambda _: 7, [-1], "sizes", 1, tmp_path / "kept.jsonl") == [7]
