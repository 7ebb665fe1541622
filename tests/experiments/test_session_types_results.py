"""The committed results of the study `session-types`: what prices win and cost, and that they are its draws'."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from lab.studies.kneed_fleets import ADVERSARIAL, searched_fleets
from lab.studies.session_types import SMALL_FLEETS, measure, row_of, trials_of
from lab.studies.session_types_page import LINES, own
from lab.studies.typed_fleets import LOADS, RANDOM_FLEETS, designed
from tests.docs.pages import ROOT
from tests.inventory import each

RESULTS = json.loads((ROOT / "lab/studies/results/session-types.json").read_text(encoding="utf-8"))
ROWS: list[dict[str, Any]] = RESULTS["rows"]
SIZES = (24, 200, 1000)


def nine(fleet: str, n: int, *, swinging: bool = False) -> list[dict[str, Any]]:
    """Cells of a fleet: three graphs, three loads."""
    return [row for row in ROWS if (row["fleet"], row["n"], row["swinging"]) == (fleet, n, swinging)]


def mean(rows: Iterable[dict[str, Any]], line: str, measure: str) -> float:
    values = [row["lines"][line][measure][0] for row in rows]
    return float(sum(values) / len(values))


def worst(rows: Iterable[dict[str, Any]], line: str = "price") -> float:
    return min(float(row["lines"][line]["gain"][0]) for row in rows)


def test_every_fleet_is_there_with_its_seeds() -> None:
    assert [len(nine(fleet, n, swinging=s)) for fleet in LOADS for n in SIZES for s in (False, True)] == [9] * 18
    assert len(own(ROWS, "random")) == RANDOM_FLEETS
    assert len(own(ROWS, "small")) == SMALL_FLEETS
    assert len(own(ROWS, "searched")) == 3 * (len(searched_fleets()) - 1)
    assert len(own(ROWS, "adversarial")) == 2 * ADVERSARIAL
    assert min(row["seeds"] for row in ROWS) >= RESULTS["run"]["seeds"] // 2 >= 2


@each(("n", "most"), [(24, 1.75), (200, 0.50), (1000, 0.20)])
def test_on_capped_curves_prices_win_what_the_classes_alone_lose(n: int, most: float) -> None:
    assert mean(nine("capped", n), "JLMU", "gap") >= 1.9
    assert mean(nine("capped", n), "price", "gap") <= most


@each(("n", "most"), [(24, 0.26), (200, 0.065), (1000, 0.035)])
def test_on_smooth_curves_little_is_lost(n: int, most: float) -> None:
    assert mean(nine("log", n), "price", "gap") <= most


@each(("n", "least", "refused"), [(24, 7.2, 16.0), (200, 8.8, 6.0), (1000, 9.2, 4.0)])
def test_where_pools_fill_prices_win_a_tenth_of_the_utility(n: int, least: float, refused: float) -> None:
    rows = nine("full", n)
    assert 9.0 <= mean(rows, "JLMU", "own_loss") <= 11.0
    assert mean(rows, "JLMU", "own_loss") - mean(rows, "price", "own_loss") >= least
    nested = [row["lines"] for row in rows if row["graph"] == "nested"]
    assert max(lines["JLMU"]["refused"][0] for lines in nested) >= 60
    assert max(lines["price"]["refused"][0] for lines in nested) <= refused


@each(("n", "least"), [(24, 5.0), (200, 5.5)])
def test_where_pools_fill_in_turn_prices_win_too(n: int, least: float) -> None:
    assert mean(nine("full", n, swinging=True), "price", "gain") >= least


def test_no_fleet_of_24_pools_or_more_loses_more_than_six_tenths_unless_it_was_searched_for() -> None:
    assert worst(row for row in own(ROWS, *LOADS, "random", "adversarial") if row["n"] >= 24) >= -0.6


@each(("times", "least"), [(1, -2.5), (5, -1.1), (25, -0.25)])
def test_what_prices_and_the_reserve_cost_at_worst_falls_with_the_pools(times: int, least: float) -> None:
    searched = [row for row in own(ROWS, "searched") if row["times"] == times]
    assert min(worst(searched, line) for line in ("no reserve", "price")) >= least


def test_on_a_readable_fleet_the_price_costs_nothing_where_it_first_cost_a_tenth() -> None:
    readable = [row for row in own(ROWS, "searched") if row["group"] == "readable"]
    assert worst(readable, "first price") <= -10
    assert worst(readable) >= -0.05


@each(("most_pools", "most"), [(30, 20), (300, 10)])
def test_a_rare_type_is_refused_less(most_pools: int, most: float) -> None:
    rare = [row for row in own(ROWS, "adversarial") if row["group"] == "rare" and 0 < most_pools - row["n"] < 120]
    assert max(row["lines"]["price"]["refused"][0] for row in rare) <= most
    assert max(row["lines"]["JLMU"]["refused"][0] for row in rare) >= 80


def test_with_a_reserve_of_three_halves_the_planned_fleet_refuses_one_in_a_hundred_at_most() -> None:
    (row,) = own(ROWS, "planned")
    found = row["lines"]["ρ = 1.5"]
    assert max(found["refused"]) <= 1 < row["lines"]["ρ = 0.5"]["refused"][0]
    assert row["n"] * found["utility"] >= 205.7


@pytest.mark.slow
def test_the_committed_figures_are_what_the_study_measures() -> None:
    row = ROWS[0]
    case = next(designed(row["n"]))
    found = row_of(case, [measure(trial) for trial in trials_of(case, RESULTS["run"]["seeds"])])
    for line in LINES:
        assert found["lines"][line]["gap"] == pytest.approx(row["lines"][line]["gap"], rel=1e-3, abs=1e-4)
