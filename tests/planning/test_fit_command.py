"""`slta fit` reads samples, writes a fleet file that the service takes, and says what is wrong with samples."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import Result

from slta.fleet_file import compile_spec, load_yaml
from slta_planning.check.command import app as check
from slta_planning.fit.candidates import TABLE
from slta_planning.fit.command import app
from slta_planning.fit.families import FAMILIES
from testbed.service_process import ServiceProcess
from tests.planning.commands import called, prose, shown
from tests.planning.worked_cases import CASES, write_case

HEAD = "pool_class,sessions,value\n"


def run(*arguments: str | Path) -> Result:
    return called(app, *arguments)


def written(folder: Path, text: str) -> Path:
    path = folder / "samples.csv"
    path.write_text(text, encoding="utf-8")
    return path


def samples(names: str = "small large", levels: int = 6) -> str:
    each = ((name, x, d) for name in names.split() for x in range(1, levels + 1) for d in (-0.1, 0.0, 0.1))
    return HEAD + "".join(f"{name},{x},{10 - x + d}\n" for name, x, d in each)


@pytest.mark.slow
def test_fitted_curves_are_checked_and_served(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.yaml"
    log = write_case("games", tmp_path)
    result = run(log, "--yaml", fleet, "--pools", "one-card=3", "--pools", "two-cards=2", "--capacity", "one-card=20")
    assert result.exit_code == 0, result.output
    checked = called(check, fleet, "--strict")
    assert checked.exit_code == 0, checked.output
    with ServiceProcess(tmp_path, str(fleet)) as service:
        placed = service.call("POST", "/v1/fleets/default/assign", {"session_id": "s-1"})
        state = service.call("GET", "/v1/fleets/default/state")
    assert placed["pool_class"] in CASES["games"]
    assert {entry["name"]: entry["pools"]["active"] for entry in state["classes"]} == {"one-card": 3, "two-cards": 2}
    assert [c.capacity for c in compile_spec(load_yaml(fleet).file).classes] == [20, 32]


@pytest.mark.parametrize(
    ("options", "named"),
    [([], "small, large"), (["--pools", "small=2"], "large"), (["--pools", "small=2", "--pools", "large=1"], "")],
)
def test_a_fleet_file_without_pools_is_warned_of(tmp_path: Path, options: list[str], named: str) -> None:
    result = run(written(tmp_path, samples()), "--yaml", tmp_path / "fleet.yaml", *options)
    assert result.exit_code == 0, result.output
    assert ("has pools: 0 of " in shown(result)) is bool(named)
    assert not named or f"has pools: 0 of {named}; use a column pool, or --pools" in shown(result)


@pytest.mark.slow
def test_all_figures_are_written(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    result = run(written(tmp_path, samples()), "--json", out, "--figure", tmp_path / "curves.svg")
    assert result.exit_code == 0, result.output
    data = json.loads(out.read_text(encoding="utf-8"))["classes"]
    assert list(data) == ["small", "large"]
    small = data["small"]
    assert small["choice"] == "quadratic"
    assert small["values"] == pytest.approx([x * (10 - x) for x in range(7)], abs=1)
    assert [level["samples"] for level in small["levels"]] == [3] * 6
    assert len(small["bands"]["marginal"]["low"]) == 6
    assert small["concave"] | {"p_value": 1} == {
        "accepted": True, "p_value": 1, "x": None, "slope_before": None, "slope_after": None
    }  # fmt: skip
    svg, png = (tmp_path / f"curves.{kind}" for kind in ("svg", "png"))
    assert [
        word for word in ("small", "large", "sessions on a pool", "Δ") if word not in svg.read_text(encoding="utf-8")
    ] == []
    assert png.read_bytes().startswith(b"\x89PNG")


def test_values_of_pools_are_not_multiplied_by_their_sessions(tmp_path: Path) -> None:
    path = written(tmp_path, samples("small"))
    assert run(path, "--per-pool", "--json", tmp_path / "out.json").exit_code == 0  # 0, then 9, 8, 7: concave
    values = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["classes"]["small"]["values"]
    assert values[1] == pytest.approx(9, abs=0.2)


def test_a_column_of_pools_says_how_many_there_are(tmp_path: Path) -> None:
    lines = samples("small").splitlines()
    text = "\n".join([f"{lines[0]},pool", *(f"{line},p-{k % 4}" for k, line in enumerate(lines[1:]))])
    fleet = tmp_path / "fleet.yaml"
    assert run(written(tmp_path, text + "\n"), "--yaml", fleet).exit_code == 0
    assert load_yaml(fleet).file.classes[0].pools == 4


@pytest.mark.slow
def test_a_class_that_is_not_concave_is_refused_and_no_fleet_file_is_written(tmp_path: Path) -> None:
    path, fleet = write_case("playable", tmp_path), tmp_path / "fleet.yaml"
    refused = run(path, "--yaml", fleet, "--figure", tmp_path / "why")
    assert refused.exit_code == 1
    assert "refused: the means are not concave" in refused.stdout
    assert "At x = 11 they bend the wrong way" in shown(refused)
    assert max(map(len, prose(refused))) <= 80
    assert (tmp_path / "why.svg").exists()
    assert not fleet.exists()
    assert run(path, "--yaml", fleet, "--capacity", "8").exit_code == 0
    assert load_yaml(fleet).file.classes[0].capacity == 8


def test_a_fleet_file_that_is_there_stays_where_the_new_one_would_not_be_taken(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text("mine\n", encoding="utf-8")
    rows = "".join(f"c,{x},{9e12 - x * 1e11}\n" for x in range(1, 5))
    result = run(written(tmp_path, HEAD + rows), "--curve", "table", "--yaml", fleet)
    assert (result.exit_code, fleet.read_text(encoding="utf-8")) == (2, "mine\n")
    assert "must be 0 or between 1e-12 and 1e13" in result.output
    assert f"slta: {fleet} was not written" in result.output
    assert not list(tmp_path.glob("*.new"))


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", [], "the first line must name the columns pool_class,sessions,value; it is empty"),
        ("pool_class,value\n", [], "sessions missing"),
        (HEAD, [], "no samples of pools with sessions"),
        (HEAD + "small,0,1\n", [], "no samples of pools with sessions"),
        (HEAD + "small,1.5,1\n", [], "line 2: sessions must be a whole number, 0 or more: '1.5'"),
        (HEAD + "small,9999,1\n", [], "line 2: sessions must be at most 4,096: '9999'"),
        (HEAD + "small,1,nan\n", [], "line 2: value must be finite"),
        (HEAD + "small,1,-1e13\n", [], "line 2: value must be below 1e+13 in magnitude: '-1e13'"),
        (HEAD.replace("\n", ",value\n") + "small,1,2,3\n", [], "the first line names the column value twice"),
        (samples(), ["--yaml", "."], "Invalid value for '--yaml': .: is a directory"),
        (samples(), ["--step", "5"], "Invalid value for --step: has no effect with samples"),
        (samples(), ["--json", "/dev/full"], "slta: /dev/full: No space left on device"),
        (HEAD + "small,1,good\n", [], "line 2: value is not a number: 'good'"),
        (HEAD + "sm all,1,1\n", [], "line 2: invalid pool_class"),
        (HEAD + "small,1\n", [], "line 2: 2 columns instead of 3"),
        (
            HEAD.replace("value", "value,time") + "a,1,5,9\na,1,6,9\n",
            ["--sessions-query", "sessions", "--value-query", "value"],
            """{pool_class="a"} at 9: value is not a number: 'several values'""",
        ),
        (
            HEAD.replace("value", "value,time") + "a,1,5,9\na,2\n",
            ["--sessions-query", "sessions", "--value-query", "value"],
            "line 3: 2 columns instead of 4",
        ),
        (samples(), ["--capacity", "tiny=3"], "--capacity: no class is named 'tiny'; the classes are small, large"),
        (samples(), ["--capacity", "0"], "is not a number from 1 to 4,096"),
        (samples(), ["--capacity", "8", "--capacity", "9"], "--capacity: 9 is there twice"),
        (samples(), ["--pools", "3"], "--pools: '3' is not like small=1"),
        (samples(), ["--curve", "spline"], "spline"),
        (HEAD + "c,1,-1\nc,2,-1\n", ["--curve", "capped_linear"], "--curve: class c cannot be fitted by capped_linear"),
        (samples(), ["--prometheus", "http://localhost:1"], "give a CSV file of samples, --prometheus"),
        (samples(), ["--yaml", "/dev/null/fleet.yaml"], "no such directory: /dev/null"),
    ],
)
def test_a_mistake_is_said_in_a_line_and_ends_with_2(
    tmp_path: Path, text: str, options: list[str], message: str
) -> None:
    result = run(written(tmp_path, text), *options)
    assert result.exit_code == 2, result.output
    assert message in shown(result)
    assert "Traceback" not in result.output


def test_values_of_whole_pools_are_refused_with_the_option_that_they_need(tmp_path: Path) -> None:
    rows = "".join(f"c,{x},{100 * x / (8 + x) + d}\n" for x in range(1, 17) for d in (-0.5, 0.0, 0.5))
    path = written(tmp_path, HEAD + rows)
    refused = run(path)
    assert refused.exit_code == 1
    assert "if these are values of whole pools, use --per-pool" in refused.stderr
    assert run(path, "--per-pool").exit_code == 0


def test_a_curve_without_a_kind_in_fleet_files_is_written_as_a_table_with_its_formula(tmp_path: Path) -> None:
    rows = "".join(f"c,{x},{100 / (8 + x)}\n" for x in range(1, 17))
    result = run(written(tmp_path, HEAD + rows), "--yaml", tmp_path / "fleet.yaml", "--json", tmp_path / "out.json")
    assert result.exit_code == 0, result.output
    assert "taken: saturating" in result.stdout
    assert re.search(r"# saturating total 100(\.0\d*)? half 8\n- name: c\n", (tmp_path / "fleet.yaml").read_text())
    found = json.loads((tmp_path / "out.json").read_text())["classes"]["c"]
    assert (found["choice"], found["utility"]["kind"]) == ("saturating", "table")
    assert found["candidates"]["saturating"]["fields"] == pytest.approx({"total": 100, "half": 8}, rel=1e-4)
    assert load_yaml(tmp_path / "fleet.yaml").file.classes[0].capacity == 16


def test_a_few_bad_lines_are_told_and_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, samples() + "small,x,1\n")
    assert run(path).exit_code == 2
    result = run(path, "--max-left-out", "0.1")
    assert result.exit_code == 0
    assert "1 bad sample left out: line 38: sessions is not a number: 'x'" in result.stdout


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    result = run(tmp_path / "none.csv")
    assert (result.exit_code, result.output) == (2, f"slta: {tmp_path}/none.csv: No such file or directory\n")


def test_neither_file_nor_server_is_a_mistake() -> None:
    assert run().exit_code == 2
    assert run("--prometheus", "http://localhost:9090").exit_code == 2


def test_every_kind_of_curve_can_be_chosen(tmp_path: Path) -> None:
    result = run(written(tmp_path, samples()), "--curve", "none")
    assert re.findall(r"'(\w+)'", shown(result).partition("is not one of")[2]) == [TABLE, *FAMILIES]
