"""The studies that `lab` keeps: what they measure, and that the committed results are of their draws."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lab.studies.learned_curves import ALL_KEPT, DRIFT, ENOUGH, LEARNED, MORE, NOISY, WEIGHTS, utilities
from lab.studies.measured_fleets import SIZES, TRUE, Trial
from lab.studies.policies import tuned_weights
from lab.studies.scale import ADVICE, COLUMNS, FULLNESS, Scaler
from lab.studies.scaled_fleet import ACTIVE, DRAINING, OFF, PLAIN, SPIKES, World
from lab.studies.scaled_fleet import Trial as Day
from lab.studies.which import CELLS, LINES, measure, trials_of
from slta_experiments.fleets import TABLE_1
from tests.docs.pages import ROOT, Page, rows


def test_weights_tuned_on_table_1_are_its_occupancies() -> None:
    light, heavy = tuned_weights(TABLE_1.name)
    assert heavy / light == pytest.approx(11.5 / 8, rel=0.1)


def test_learned_curves_win_what_weights_lose() -> None:
    trial = Trial("powers", 24, 2)
    best, weights, learned = (utilities(replace(trial, line=line))[10:].mean() for line in (TRUE, WEIGHTS, LEARNED))
    assert weights < 0.92 * best
    assert learned > 0.97 * best


def test_the_page_of_results_says_what_learned_curves_lose() -> None:
    study = json.loads((ROOT / "lab/studies/results/learned-curves.json").read_text(encoding="utf-8"))["rows"]
    lost = {(row["line"], row["n"]): f"{row['lost']:.1f}" for row in study}
    table = rows(Page(ROOT / "docs/results.md").section("Learned curves"))
    assert list(table) == [[cells[0], *(lost[cells[0], n] for n in SIZES)] for cells in table]


def test_the_pages_say_how_often_learned_curves_fall_below_the_weights() -> None:
    study = json.loads((ROOT / "lab/studies/results/learned-curves.json").read_text(encoding="utf-8"))["rows"]
    parts = {
        (line, name): " and ".join(f"{row[name]:.0f}" for row in study if row["line"] == line)
        for line in (LEARNED, f"{LEARNED}, {DRIFT}", NOISY, MORE)
        for name in ("over", "ends")
    }
    results, curves = (" ".join(Page(ROOT / "docs" / f"{name}.md").text.split()) for name in ("results", "curves"))
    assert f"below the weights in {parts[LEARNED, 'over']} % of the runs" in results
    assert f"with drift in {parts[f'{LEARNED}, {DRIFT}', 'over']} %" in results
    assert f"with noise of 50 % {parts[NOISY, 'ends']} % were" in results
    assert f"had {ENOUGH} samples {parts[MORE, 'ends']} %" in results
    assert f"With 50 % {parts[NOISY, 'ends']} % were" in curves
    assert f"has {ENOUGH} samples, four times as many, and {parts[MORE, 'ends']} % were" in curves


def test_a_class_that_improves_keeps_its_sessions() -> None:
    trial = Trial("log", 40, 2, noise=0.1, change=2.0)
    weights, kept, learned = (utilities(replace(trial, line=line))[-5:].mean() for line in (WEIGHTS, ALL_KEPT, LEARNED))
    assert kept < weights < learned


def test_the_page_of_results_says_what_changes_lose() -> None:
    study = json.loads((ROOT / "lab/studies/results/learned-curves.json").read_text(encoding="utf-8"))["changes"]
    found = [
        [row["change"], *(f"{row[name]:.1f}" for name in ("weights", "all_kept", "lost", "worst"))] for row in study
    ]
    assert rows(Page(ROOT / "docs/results.md").section("Curves of a class that changes")) == found


def test_a_draining_pool_of_a_scaled_fleet_loses_sessions_only_as_they_end() -> None:
    world = World(Day(PLAIN, ADVICE, 0), (0, 8, 3))
    before = [world.next() for _ in range(10)][-1].sessions
    slots = world.slots(1, ACTIVE)
    world.move(slots, DRAINING)
    minutes = [world.next() for _ in range(10)]
    left = world.sessions(slots).sum()
    assert 0 < left < before
    assert sum(minute.refused for minute in minutes) > 0 == world.cut
    world.move(slots, OFF)
    assert world.cut == left


def test_pools_that_are_not_wanted_drain_and_end_empty() -> None:
    scaler = Scaler(Day(PLAIN, ADVICE, 0))
    scaler.world = World(scaler.trial, (0, 20, 6))
    for _ in range(70):
        scaler.next()
    assert (scaler.world.status > OFF).sum() < 26
    assert scaler.world.cut == 0


SCALED: list[dict[str, Any]] = json.loads((ROOT / "lab/studies/results/scale.json").read_text(encoding="utf-8"))["rows"]
CASES: list[dict[str, Any]] = [{"stay": 2, "starts": [1, 1, 1]}, {}, {"stay": 120}, {"starts": [1, 10, 1]}]
"""Of spiked days, in the order of the page's table."""


def spiked(rule: str, case: dict[str, Any]) -> dict[str, Any] | None:
    """The row of spiked days, if the study has one."""
    wanted = {"day": SPIKES, "rule": rule, "stay": None, "starts": None} | case
    return next((row for row in SCALED if all(row.get(name) == value for name, value in wanted.items())), None)


def test_the_page_of_results_says_what_scale_advice_costs() -> None:
    lines: dict[str, list[Any]] = {}
    for row in SCALED:
        lines.setdefault(str([row["rule"], row.get("stay"), row.get("starts")]), []).append(row)
    digits = dict(zip(COLUMNS, (3, 2, 3, 0, 0), strict=True))
    found = [[" / ".join(f"{row[name]:.{digits[name]}f}" for row in own) for name in COLUMNS] for own in lines.values()]
    assert [cells[1:] for cells in rows(Page(ROOT / "docs/results.md").section("Scale advice"))] == found


def test_the_page_on_scale_advice_says_what_a_fullness_target_costs() -> None:
    def shown(row: dict[str, Any] | None) -> str:
        return f"{row['cost']:.3f}, {100 - row['windows']:.2f} %" if row else ""

    text = Page(ROOT / "docs/scale.md").section("Beside a fullness target")
    found = [[shown(spiked(rule, case)) for rule in (ADVICE, *FULLNESS)] for case in CASES]
    assert [cells[2:] for cells in rows(text)] == found
    refused = [f"{row['refused']:.3f}" for rule in ("65 % full", ADVICE) if (row := spiked(rule, CASES[0]))]
    assert "refuses {} % of the sessions instead of {} %".format(*refused) in " ".join(text.split())


def test_advice_ends_no_session_and_seldom_takes_back_a_fall() -> None:
    advised = [row for row in SCALED if row["rule"] == ADVICE]
    assert {row["cut"] for row in advised} == {0}
    assert max(row["reversals"] for row in advised) <= 20


@pytest.mark.slow
def test_the_committed_gaps_of_four_pools_are_what_the_study_measures() -> None:
    row = json.loads((ROOT / "lab/studies/results/which.json").read_text(encoding="utf-8"))["rows"][0]
    shape, sizes, loads = CELLS[0]
    found = [measure(trial) for trial in trials_of(shape, sizes[0], loads[0], row["seeds"])]
    for line in LINES:
        assert sum(gaps[line] for gaps in found) / len(found) == pytest.approx(row[line]["gap"], rel=1e-6)
