"""Commands say what is wrong with an option, and write what they promise."""

from __future__ import annotations

import inspect
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lab.studies.__main__ import STUDIES as LAB_STUDIES
from lab.studies.__main__ import app as lab
from slta_experiments.cli import STUDIES, Study, app
from slta_experiments.study_report import Report, markdown_table, plain, to_json
from tests.inventory import each

runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["table1", "--n", "51"], "every n must be even"),
        (["table1", "--n", "fifty"], "'fifty' is not a list like 50,100"),
        (["table1", "--n", "-50"], "every number must be positive"),
        (["table1", "--load-per-pool", "x"], "'x' is not a list like 9.75,10"),
        (["table1", "--load-per-pool", "90"], "at most 60"),
        (["table1", "--horizon", "-1"], "not a positive, finite time"),
        (["table1", "--seeds", "0"], "Invalid value for '--seeds'"),
        (["table1", "--n", "2"], "every n must be even and at least 4"),
        (["tables"], "No such command"),
    ],
)
def test_a_bad_option_gets_a_clear_message(arguments: list[str], message: str) -> None:
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())


def test_a_directory_that_cannot_be_made_is_one_line(runs: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = runner.invoke(app, ["figure3", "--out", f"{tmp_path}/file/results"])
    assert (result.exit_code, result.stderr) == (2, f"slta: {tmp_path}/file/results: Not a directory\n")


def test_every_study_has_a_command() -> None:
    assert {command.name for command in app.registered_commands} == {"table1", "figure3", "fluid", "learning", "all"}
    named = {"policies", "which", "session-types", "learned-curves", "scale", "all"}
    assert {command.name for command in lab.registered_commands} == named


@each("study", [*STUDIES, *LAB_STUDIES])
def test_a_command_has_the_options_that_its_study_takes(study: Study) -> None:
    taken = inspect.signature(import_module(study.module).study).parameters
    assert set(study.options) == set(taken)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """What every study was run with, instead of running it."""
    seen = {}

    def run(study: Study, **options: Any) -> Report:
        seen[study.name] = options
        return Report(study.name, {}, f"# {study.name}")

    monkeypatch.setattr(Study, "run", run)
    return seen


def test_all_runs_every_study_with_the_committed_seeds(runs: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    for command in (app, lab):
        result = runner.invoke(command, ["all", "--out", str(tmp_path), "--figures", str(tmp_path), "--processes", "1"])
        assert result.exit_code == 0, result.output
    assert list(runs) == [study.name for study in (*STUDIES, *LAB_STUDIES)]
    experiments = {"table1": 24, "learning": 8}
    studies = {"policies": 4, "which": 20, "session-types": 8, "learned-curves": 12, "scale": 20}
    assert {name: options["seeds"] for name, options in runs.items() if "seeds" in options} == experiments | studies
    assert {options["processes"] for options in runs.values() if "processes" in options} == {1}
    assert (tmp_path / "which.json").is_file()


def test_table1_writes_the_rows_and_pairs_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    options = ["--n", "20,10", "--load-per-pool", "9.75", "--seeds", "2", "--horizon", "1", "--processes", "1"]
    result = runner.invoke(app, ["table1", *options, "--json", str(file), "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    data = json.loads(file.read_text(encoding="utf-8"))
    assert {(r["policy"], r["n"], r["load"], r["seeds"]) for r in data["rows"]} == {
        (policy, n, 9.75, 2) for policy in ("JLMU", "SLTA") for n in (10, 20)
    }
    assert {"gap_mean", "gap_se", "gap_paper", "z"} <= set(data["rows"][0])
    assert [set(p) for p in data["paired"]] == [{"n", "load", "difference_mean", "difference_se"}] * 2
    assert {p.name for p in tmp_path.iterdir()} >= {"table1.json", "table1.svg"}


def test_numbers_that_are_not_finite_become_null() -> None:
    assert plain({"a": float("inf"), "b": (1.23456789, float("nan"))}) == {"a": None, "b": [1.234568, None]}


def test_json_can_be_read_back_however_it_is_broken_into_lines() -> None:
    data = {"rows": [{"k": k, "values": list(range(50))} for k in range(20)], "name": "ρ"}
    assert json.loads(to_json(data)) == data
    assert len(to_json(data).splitlines()) > 20


def test_a_table_shows_what_is_missing_as_a_dash() -> None:
    assert markdown_table(["a", "b"], [("x", None)]).splitlines() == ["| a | b |", "| --- | ---: |", "| x | – |"]
