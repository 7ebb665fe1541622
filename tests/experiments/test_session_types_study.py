"""The study `session-types`: its loads and bounds, its page, and resuming it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.studies import session_types
from lab.studies.session_types import LINES, Trial, data_of, gap, loss, measure, row_of, study, trials_of
from lab.studies.session_types_page import DIFFERS, differs, figure_of, markdown
from lab.studies.typed_fleets import PERIOD, RANDOM_FLEETS, Demand, designed, random_case
from slta_experiments import resuming
from slta_experiments.engine.session_types import simulate as engine
from slta_experiments.engine.session_types.loop import event_loop
from slta_experiments.engine.session_types.simulate import PLACEMENTS
from slta_experiments.resuming import each_kept
from slta_experiments.studies import UnsuitableError


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "loop_of", lambda policy: event_loop(PLACEMENTS[policy]))


# Loads and bounds


@pytest.mark.parametrize("kind", [0, 2])
def test_the_expected_sessions_are_what_the_rate_fills_and_departures_empty(kind: int) -> None:
    demand, step = Demand((2.0, 3.0, 5.0), swinging=True), 1e-3
    times = np.arange(0, 5 * PERIOD, step)
    sessions, present = [], demand.loads[kind]
    for rate in demand.rate(kind, times + step / 2):
        sessions.append(present)
        present += step * (rate - present)
    late = times > 4 * PERIOD
    assert np.array(sessions)[late] == pytest.approx(demand.expected(kind, times[late]), abs=2e-3)


def test_a_swinging_load_is_a_fifth_less_and_half_of_it_up_and_down() -> None:
    rates = Demand((2.0, 3.0, 5.0), swinging=True).rate(2, np.linspace(0, PERIOD, 481))
    assert (rates.min(), rates.mean(), rates.max()) == pytest.approx((2.0, 4.0, 6.0), abs=0.01)


def test_types_swing_in_turn() -> None:
    demand, times = Demand((1.0, 1.0, 1.0), swinging=True), np.linspace(0, PERIOD, 13)
    assert demand.rate(1, times) == pytest.approx(demand.rate(0, times + PERIOD / 3))
    assert demand.expected(2, times) == pytest.approx(demand.expected(0, times + 2 * PERIOD / 3))


def test_a_steady_fluid_bound_is_that_of_the_offered_sessions() -> None:
    # Nested, (1.5, 2, 4) per pool: class 0 takes 3 of 7.5 sessions at 1.5, the quadratic one 2.5 of at most 10 a pool.
    case = next(case for case in designed(24) if case.fleet == "full")
    assert case.fluid_bound() == pytest.approx(case.bound_at([24 * load for load in case.demand.loads]))
    values = [1.5 * 3, (2 * 10 - 100 / 20) / 4, 1.0 * 2.0]
    assert case.fluid_bound() == pytest.approx(sum(values))


def test_random_fleets_are_as_the_page_describes_them() -> None:
    cases = [random_case(number) for number in range(RANDOM_FLEETS)]
    assert cases == [random_case(number) for number in range(RANDOM_FLEETS)]
    assert sum(case.is_full for case in cases) == RANDOM_FLEETS // 3
    assert sum(case.demand.swinging for case in cases) == RANDOM_FLEETS // 2
    for case in cases:
        assert 3 <= len(case.shape.classes) <= 6
        assert 22 <= case.n <= 302
        assert 2 <= len(set(case.sets.classes)) <= len(case.sets.classes) <= 5
        assert all(m > 0 for column in case.shape.ranking.marginals for m in column) or not case.is_full


# Runs


def short(case_of: Any, monkeypatch: pytest.MonkeyPatch) -> Trial:
    monkeypatch.setattr(session_types, "LEAST_PERIODS", 1)
    return Trial(case_of, seed=0, pool_time=1.0)


@pytest.mark.usefixtures("uncompiled")
def test_a_small_run_gives_rows_and_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
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
            assert result[line]["utility"] <= result[line]["optimum"]
            assert result[line]["utility"] <= result["own"]
    data = {**data_of(cells, results), "run": {"seeds": 1, "warm_up": 12, "pool_time": 1.0}}
    assert (len(data["rows"]), len(data["random"])) == (len(cases), 1)
    page = markdown(data)
    assert "| full, swinging | 4 | utility, % |" in page
    assert "| nested | 4 | {0, 1} |" in page


@pytest.mark.usefixtures("uncompiled")
def test_both_lines_meet_the_same_sessions_and_one_type_refuses_less_with_prices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = next(c for c in designed(8) if c.fleet == "full" and c.demand.loads == (1.5, 2.0, 4.0))
    found = measure(short(case, monkeypatch))
    assert found["price"]["refused"][0] < found["JLMU"]["refused"][0] / 2
    assert found["price"]["utility"] > found["JLMU"]["utility"]


def measured(price: float, jlmu: float) -> dict[str, Any]:
    lines = {"price": price, "JLMU": jlmu}
    return {
        "fluid": 10.0,
        "own": 10.0,
        **{name: {"utility": u, "optimum": 9.5, "refused": [0.5, 0.0]} for name, u in lines.items()},
    }


def test_full_fleets_are_judged_by_the_loss_and_the_others_by_the_gap() -> None:
    result = measured(9.0, 8.0)
    assert loss(result, "price") == pytest.approx(10.0)
    assert gap(result, "price") == pytest.approx(100 * 0.5 / 9.5)
    for case in (case for case in designed(4) if not case.demand.swinging and case.graph == "N"):
        row = row_of(case, [result, result])
        assert row["points"][0] == pytest.approx(-10.0 if case.is_full else -100 / 9.5)
        assert figure_of(row, "price") == row["price"]["loss" if case.is_full else "gap"]
        assert row["price"]["refused"] == [50.0, 0.0]


@pytest.mark.parametrize(
    ("points", "kind"),
    [((-0.1, 0.01), -1), ((0.1, 0.01), 1), ((-0.1, 0.06), 0), ((0.019, 0.001), 0), ((-0.1, None), -1)],
)
def test_a_difference_counts_beyond_two_hundredths_and_two_standard_errors(points: Any, kind: int) -> None:
    assert DIFFERS == 0.02
    assert differs({"points": points}) == kind


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
