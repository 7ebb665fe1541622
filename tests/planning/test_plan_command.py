"""`slta plan` on the command line: what it is asked, what it answers, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from slta.core.optimum import optimum
from slta.core.scaling.settings import ClassScale, Scale, floor_of
from slta.core.scaling.wanted import Demand
from slta.fleet_file import compile_spec, load_yaml
from slta_planning.plan import progress
from slta_planning.plan.loads import read_profile
from slta_planning.plan.options import costs_of
from slta_planning.plan.plan_report import report
from testbed.awaiting import until
from tests.planning.commands import prose, refusal, shown
from tests.planning.plan_calls import figures, plan

FLEET = """\
fleet: arena
policy: jlmu
classes:
  - {name: small, utility: {kind: table, values: [0, 4, 6, 7]}, capacity: 3, pools: 2}
  - {name: large, utility: {kind: table, values: [0, 5, 10, 14, 16]}, capacity: 4, pools: 3}
"""
COSTS = ["--cost", "small=1", "--cost", "large=2.2"]
AT_30 = ["--sessions", "30"]


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    path = tmp_path / "arena.yaml"
    path.write_text(FLEET, encoding="utf-8")
    return path


def test_a_plan_keeps_the_floor_and_says_what_it_expects(fleet: Path) -> None:
    data = figures(fleet, *COSTS, *AT_30, "--floor", "80%")
    (hour,) = data["hours"]
    pools = list(data["pools"].values())
    best = optimum(compile_spec(load_yaml(fleet).file).ranking, pools, 30.0)
    assert best is not None
    assert data["cost"] == pytest.approx(pools[0] + 2.2 * pools[1])
    assert hour["bound"] == pytest.approx(best.utility)
    assert hour["floor"] == pytest.approx(0.8 * 5 * 30)
    assert hour["expected_utility"] >= hour["floor"]
    lost = hour["expected_swing_gap"] + hour["expected_placement_gap"]
    assert hour["expected_utility"] == pytest.approx(hour["bound"] - lost)
    assert hour["measured_utility"] == pytest.approx(hour["expected_utility"], abs=5 * hour["measured_error"] + 0.05)
    assert data["rounds"][-1] == {"pools": data["pools"], "cost": data["cost"], "missing": 0}
    assert data["looked"]["none_below"] == data["cost"]
    assert data["classes"]["large"]["adds_per_cost"] == data["classes"]["large"]["adds"] / 2.2


@pytest.mark.parametrize(("sessions", "floor"), [(30, "80%"), (100, "75%"), (60, "3.9")])
def test_scale_advice_costs_to_a_pool_as_much_with_a_part_of_the_margin(fleet: Path, sessions: int, floor: str) -> None:
    scale = Scale((ClassScale(1), ClassScale(2.2)), floor_of(floor))
    least, most = (
        Demand(compile_spec(load_yaml(fleet).file), scale, [sessions + margin]) for margin in (0, sessions**0.5)
    )
    cost = figures(fleet, *COSTS, "--sessions", str(sessions), "--floor", floor)["cost"]
    assert least.cost(least.target((0, 0))) <= cost <= most.cost(most.target((0, 0))) + 2.2


TIES = """\
policy: jlmu
classes:
  - {name: small, utility: {kind: table, values: [0, 9, 14]}, capacity: 2}
  - {name: large, utility: {kind: table, values: [0, 9, 12, 15, 18]}, capacity: 4}
"""


def test_cheaper_mixes_are_looked_at_and_the_answer_is_told(fleet: Path) -> None:
    fleet.write_text(f"fleet: arena\n{TIES}", encoding="utf-8")
    costs, wanted = ("--cost", "small=4.14", "--cost", "large=4.06"), ("--sessions", "15", "--floor", "6.07")
    options = [*costs, *wanted, "--refused", "0.05"]
    data = figures(fleet, *options)
    assert data["cost"] == data["looked"]["none_below"] == pytest.approx(32.48)
    assert data["cost"] < data["rounds"][-1]["cost"]
    (hour,) = data["hours"]
    assert hour["expected_utility"] >= hour["floor"] * (1 - 1e-9)
    told = "cheaper mixes: 3 looked at; a fleet for 32.48 is expected to keep the floor, none below"
    assert told in shown(plan(fleet, *options))


@pytest.mark.parametrize("wanted", [["--floor", "80%"], ["--budget", "40"]])
def test_the_prose_of_a_plan_fits_80_columns(fleet: Path, wanted: list[str]) -> None:
    assert max(map(len, prose(plan(fleet, *COSTS, *AT_30, *wanted)))) <= 80


def test_a_long_search_shows_its_progress(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    with progress.shown() as ran:
        ran()
        until(lambda: "planning: 1 evaluation" in capsys.readouterr().err)


@pytest.mark.parametrize(("above", "told"), [(-0.02, True), (0.0, False)])
def test_a_measured_utility_below_the_floor_is_told(fleet: Path, above: float, told: bool) -> None:
    data = figures(fleet, *COSTS, *AT_30, "--floor", "80%")
    (hour,) = data["hours"]
    hour |= {"measured_utility": hour["floor"] + above, "measured_error": 0.015}
    assert ("measured is below the floor by 0.02 ± 0.015, as the floor is held" in report("arena", data)) is told


def test_a_day_is_planned_for_as_one_fleet(fleet: Path, tmp_path: Path) -> None:
    day = tmp_path / "day.csv"
    day.write_text("hour,sessions\n03,0\n12,20\n20,30.5\n", encoding="utf-8")
    result = plan(fleet, *COSTS, "--profile", str(day), "--floor", "3.5")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    hours = [line[:2] for line in lines if line and line[0] in ("03", "12", "20")]
    assert hours == [["03", "0"], ["12", "20"], ["20", "30.5"]]
    data = figures(fleet, *COSTS, "--profile", str(day), "--floor", "3.5")
    assert [hour for hour in data["hours"] if not hour["expected_utility"] >= hour["floor"]] == []
    assert data["hours"][0]["measured_utility"] is None


def test_a_budget_is_not_passed(fleet: Path) -> None:
    data = figures(fleet, *COSTS, *AT_30, "--budget", "30")
    assert data["cost"] <= 30
    assert (data["floor"], data["looked"]) == (None, None)
    more = figures(fleet, *COSTS, *AT_30, "--budget", "40")
    assert more["hours"][0]["bound"] > data["hours"][0]["bound"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([*AT_30, "--floor", "1", "--cost", "small=1"], "every class needs a cost: add --cost large=…"),
        ([*AT_30, "--floor", "1", "--cost", "smal=1"], "no class is named 'smal'; did you mean small?"),
        ([*AT_30, "--floor", "1", "--cost", "gpu=1"], "no class is named 'gpu'; the classes are small, large"),
        ([*AT_30, "--floor", "1", "--cost", "small"], "--cost: 'small' is not like small=1"),
        ([*AT_30, "--floor", "1", *COSTS, "--cost", "small=2"], "--cost: small is there twice"),
        ([*AT_30, "--floor", "1", "--cost", "small=0"], "--cost small: 0 is not above 0"),
        ([*AT_30, "--floor", "1", "--cost", "small=1e300"], "small: 1e300 is not between 1e-12 and 1e13"),
        ([*AT_30, "--floor", "1", "--cost", "small=nan"], "--cost small: 'nan' is not a number above 0"),
        (["--floor", "1", *COSTS], "give one of --sessions, --load-per-pool and --profile"),
        (
            [*AT_30, "--profile", "day.csv", "--floor", "1", *COSTS],
            "give one of --sessions, --load-per-pool and --profile",
        ),
        (["--load-per-pool", "0", "--floor", "1", *COSTS], "--load-per-pool: 0 is not from 1 to 10,000,000 sessions"),
        (["--load", "30", "--floor", "1", *COSTS], "say which: --sessions of the whole fleet, or --load-per-pool"),
        ([*AT_30, *COSTS], "give either --floor or --budget"),
        ([*AT_30, *COSTS, "--floor", "1", "--budget", "3"], "give either --floor or --budget"),
        (["--sessions", "many", *COSTS, "--floor", "1"], "--sessions: 'many' is not a number of sessions"),
        (["--sessions", "0", *COSTS, "--floor", "1"], "--sessions: 0 is not from 1 to 10,000,000 sessions"),
        ([*AT_30, *COSTS, "--floor", "high"], "--floor: 'high' is not a number like 0.5, or a share like 95%"),
        ([*AT_30, *COSTS, "--floor", "101%"], "--floor: 101% is not a share above 0% and up to 100%"),
        ([*AT_30, *COSTS, "--floor", "6"], "--floor: a session adds at most 5 on a pool of these classes, not"),
        ([*AT_30, *COSTS, "--budget", "-1"], "--budget: -1 is not above 0"),
        ([*AT_30, *COSTS, "--budget", ""], "--budget: '' is not a number above 0"),
        ([*AT_30, *COSTS, "--floor", ""], "--floor: '' is not a number like 0.5"),
        (["--profile", "nowhere.csv", *COSTS, "--floor", "1"], "nowhere.csv: No such file or directory"),
        ([*AT_30, *COSTS, "--floor", "1", "--refused", "0.9"], "--refused"),
        ([*AT_30, "--floor", "1"], "Missing option '--cost'"),
    ],
)
def test_a_call_that_makes_no_sense_ends_with_2(fleet: Path, options: list[str], message: str, capfd: Any) -> None:
    result = plan(fleet, *options)
    assert result.exit_code == 2
    assert message in result.output + capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the first line must name the columns hour,sessions; it is empty"),
        ("hour,load\n1,2\n", "sessions missing"),
        ("hour,sessions\n1,2\n1,3\n", "line 3: duplicate hour 1"),
        ("hour,sessions\n,2\n", "line 2: the hour is missing"),
        ("hour,sessions\n1,2\n2\n", "line 3: sessions: '' is not a number of sessions"),
        ("hour,sessions\n1,-2\n", "line 2: sessions: -2 is not from 0 to 10,000,000 sessions"),
        ("hour,sessions\n1,inf\n", "line 2: sessions: 'inf' is not a number of sessions"),
        ("hour,sessions\n1,0\n", "contains no hours"),
        ("hour,sessions,sessions\n1,5,6\n", "the first line names the column sessions twice"),
        ('hour,sessions\n"' + "x" * 65_000 + "\n" + "x" * 67_000, "day.csv: is not CSV: field larger than field limit"),
    ],
)
def test_a_bad_profile_is_named_with_its_line(fleet: Path, tmp_path: Path, text: str, message: str, capfd: Any) -> None:
    day = tmp_path / "day.csv"
    day.write_text(text, encoding="utf-8")
    result = plan(fleet, *COSTS, "--profile", str(day), "--floor", "1")
    assert result.exit_code == 2
    assert message in result.output + capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("sessions, hour\r\n12.5, 08:00\r\n", "utf-8-sig"), ("sep=;\nsessions;hour\n12.5;08:00\n", "utf-16")],
)
def test_a_profile_of_a_spreadsheet_is_read(tmp_path: Path, text: str, encoding: str) -> None:
    day = tmp_path / "day.csv"
    day.write_bytes(text.encode(encoding))
    assert read_profile(day, ["default"]) == [("08:00", (12.5,))]


def test_a_fleet_file_with_mistakes_ends_with_2_and_names_them(fleet: Path) -> None:
    fleet.write_text(FLEET.replace("capacity: 3", "capacity: 0"), encoding="utf-8")
    assert f"{fleet}:4:65: classes[0].capacity: input should be greater" in refusal(
        plan(fleet, *COSTS, *AT_30, "--floor", "1")
    )


@pytest.mark.parametrize("hours", [["9"], ["9", "12"]])
def test_one_more_adds_on_average_over_the_hours_of_a_day_only(fleet: Path, tmp_path: Path, hours: list[str]) -> None:
    day = tmp_path / "day.csv"
    day.write_text("hour,sessions\n" + "".join(f"{k},{load}\n" for k, load in enumerate(hours)), encoding="utf-8")
    output = plan(fleet, *COSTS, "--profile", str(day), "--budget", "40").output
    assert "the best fleet within a budget of 40 for" in output
    told = ", on average over the hours" if len(hours) > 1 else ""
    assert output.splitlines()[-1] == f"one more adds: to the bound{told}"


def test_large_numbers_are_told_in_all_their_digits_and_too_many_pools_are_several_fleets(fleet: Path) -> None:
    result = plan(fleet, *COSTS, "--sessions", "1234567", "--floor", "1")
    assert result.exit_code == 0, result.output
    assert "1,234,567 sessions has" in result.output
    assert "e+0" not in result.output
    assert re.search(r"a fleet has at most 65,536 pools: use \d+ fleets", result.output)


def test_where_no_fleet_does_it_the_command_ends_with_1(fleet: Path) -> None:
    result = plan(fleet, *COSTS, *AT_30, "--budget", "2")
    assert result.exit_code == 1
    assert "arena: no fleet" in result.output


FALLING = """\
fleet: arena
policy: jlmu
classes:
  - {name: small, utility: {kind: table, values: [0, 4.974, 4.854]}, capacity: 2}
"""


@pytest.mark.parametrize(("refused", "pools"), [("0.01", 5), ("0.0001", 6)])
def test_a_fleet_is_found_though_the_first_floor_is_out_of_reach(fleet: Path, refused: str, pools: int) -> None:
    fleet.write_text(FALLING, encoding="utf-8")
    data = figures(fleet, "--cost", "small=1.1", "--sessions", "3", "--floor", "90%", "--refused", refused)
    assert (data["pools"], data["looked"]["none_below"]) == ({"small": pools}, data["cost"])


def test_a_budget_does_not_buy_pools_that_add_nothing(fleet: Path) -> None:
    fleet.write_text(FALLING, encoding="utf-8")
    data = figures(fleet, "--cost", "small=1", "--sessions", "3", "--budget", "9000")
    assert data["pools"]["small"] < 30
    assert data["hours"][0]["expected_utility"] == pytest.approx(3 * 4.974, rel=1e-6)


def test_costs_are_read_as_they_are_written() -> None:
    assert costs_of(["b=2.5", "a=1e2"], ["a", "b"]) == (100.0, 2.5)


@pytest.mark.parametrize("loads", [["--sessions", "call=30"], ["--sessions", "30", "--sessions", "20"]])
def test_loads_by_type_need_session_types(fleet: Path, loads: list[str]) -> None:
    told = "give one number; the fleet file has no session_types that could have their own"
    assert told in refusal(plan(fleet, *COSTS, *loads, "--floor", "80%"))
