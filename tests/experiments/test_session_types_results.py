"""The committed results of the study `session-types`: what prices win, and that they are of the study's draws."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from lab.studies.session_types import LINES, measure, row_of, trials_of
from lab.studies.session_types_page import differs, markdown
from lab.studies.typed_fleets import LOADS, RANDOM_FLEETS, designed
from tests.docs.pages import ROOT
from tests.inventory import each

RESULTS = json.loads((ROOT / "docs/results/session-types.json").read_text(encoding="utf-8"))
ROWS: list[dict[str, Any]] = RESULTS["rows"]
RANDOM: list[dict[str, Any]] = RESULTS["random"]
SIZES = (24, 200, 1000)


def nine(fleet: str, n: int, *, swinging: bool = False) -> list[dict[str, Any]]:
    """Cells of a fleet: three graphs, three loads."""
    return [row for row in ROWS if (row["fleet"], row["n"], row["swinging"]) == (fleet, n, swinging)]


def mean(figures: Iterable[float]) -> float:
    values = list(figures)
    return sum(values) / len(values)


def test_the_page_is_of_the_committed_figures() -> None:
    assert (ROOT / "docs/results/session-types.md").read_text(encoding="utf-8") == markdown(RESULTS)


def test_every_cell_is_there_with_at_least_ten_seeds() -> None:
    assert [len(nine(fleet, n, swinging=s)) for fleet in LOADS for n in SIZES for s in (False, True)] == [9] * 18
    assert min(row["seeds"] for row in [*ROWS, *RANDOM]) >= 10
    assert len(RANDOM) == RANDOM_FLEETS


@each(("n", "most"), [(24, 1.75), (200, 0.50), (1000, 0.20)])
def test_on_capped_curves_prices_win_what_the_classes_alone_lose(n: int, most: float) -> None:
    assert mean(row["JLMU"]["gap"][0] for row in nine("capped", n)) >= 1.9
    assert mean(row["price"]["gap"][0] for row in nine("capped", n)) <= most


@each(("n", "most"), [(24, 0.26), (200, 0.065), (1000, 0.035)])
def test_on_smooth_curves_little_is_lost(n: int, most: float) -> None:
    assert mean(row["price"]["gap"][0] for row in nine("log", n)) <= most


@each(("n", "least", "refused"), [(24, 7.2, 16.0), (200, 8.8, 6.0), (1000, 9.2, 4.0)])
def test_where_pools_fill_prices_win_a_tenth_of_the_utility(n: int, least: float, refused: float) -> None:
    rows = nine("full", n)
    assert 9.0 <= mean(row["JLMU"]["loss"][0] for row in rows) <= 11.0
    assert mean(row["points"][0] for row in rows) <= -least
    nested = [row for row in rows if row["graph"] == "nested"]
    assert max(row["JLMU"]["refused"][0] for row in nested) >= 60
    assert max(row["price"]["refused"][0] for row in nested) <= refused


@each(("n", "least"), [(24, 5.0), (200, 5.5)])
def test_where_pools_fill_in_turn_prices_win_too(n: int, least: float) -> None:
    assert mean(row["gain"][0] for row in nine("full", n, swinging=True)) >= least


def test_on_random_fleets_prices_are_better_three_times_as_often_as_worse() -> None:
    kinds = [differs(row) for row in RANDOM]
    assert kinds.count(-1) >= 3 * kinds.count(1)
    assert max(row["points"][0] for row in RANDOM) <= 0.3
    assert mean(row["points"][0] for row in RANDOM) < 0


@pytest.mark.slow
def test_the_committed_figures_are_what_the_study_measures() -> None:
    row = ROWS[0]
    case = next(designed(row["n"]))
    found = row_of(case, [measure(trial) for trial in trials_of(case, RESULTS["run"]["seeds"])])
    for line in LINES:
        assert found[line]["gap"] == pytest.approx(row[line]["gap"], rel=1e-5)
