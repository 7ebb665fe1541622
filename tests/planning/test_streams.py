"""`-` is standard input of every command that reads a file, and standard output of `--json`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer import Typer

from slta.cli import streams
from slta_planning.check.command import app as check
from slta_planning.evaluate.command import app as evaluate
from slta_planning.fit.command import app as fit
from slta_planning.plan.command import app as plan
from tests.planning.commands import called, refusal, shown
from tests.planning.recorded import FLEET, least_connections, write_csv

SAMPLES = "pool_class,sessions,value\n" + "".join(f"small,{x},{10 - x}\n" for x in range(1, 6))
DAY = "hour,sessions\n0,5\n1,9\n"
COSTS = [word for name in ("linear", "quadratic", "saturating") for word in ("--cost", f"{name}=1")]
CALLS: dict[str, tuple[Typer, str, list[str]]] = {
    "evaluate": (evaluate, "log.csv", ["-", "fleet.yaml"]),
    "evaluate FLEET_FILE": (evaluate, "fleet.yaml", ["log.csv", "-"]),
    "check": (check, "fleet.yaml", ["-"]),
    "fit": (fit, "samples.csv", ["-"]),
    "plan": (plan, "fleet.yaml", ["-", *COSTS, "--sessions", "9", "--budget", "9"]),
    "plan --profile": (plan, "day.csv", ["fleet.yaml", *COSTS, "--profile", "-", "--budget", "9"]),
}
"""Commands, the file that they read from standard input, and their arguments."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {"fleet.yaml": FLEET, "samples.csv": SAMPLES, "day.csv": DAY}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    write_csv(least_connections(2000), tmp_path / "log.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_a_command_reads_standard_input_and_answers(call: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, file, arguments = CALLS[call]
    monkeypatch.setattr(streams, "STANDARD_INPUT", folder / file)
    result = called(app, *arguments, "--json", "-")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)
    assert len(result.stderr.splitlines()) > 3, "the text is on standard error"
    assert not (folder / "-").exists()


@pytest.mark.parametrize(
    ("app", "options", "names"),
    [
        (evaluate, ["-"], "LOG and FLEET_FILE"),
        (plan, [*COSTS, "--profile", "-"], "FLEET_FILE and --profile"),
    ],
)
def test_only_one_file_can_be_standard_input(app: Typer, options: list[str], names: str) -> None:
    assert f"only one of {names} can be -, standard input" in refusal(called(app, "-", *options))


def test_a_file_in_a_directory_that_does_not_exist_is_refused_before_the_work(folder: Path) -> None:
    result = called(check, "fleet.yaml", "--json", "nowhere/out.json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no such directory: nowhere" in shown(result)
    assert not (folder / "nowhere").exists()


@pytest.mark.parametrize(
    ("app", "options"),
    [
        (evaluate, ["log.csv", "fleet.yaml", "--map-file", "-"]),
        (evaluate, ["log.csv", "fleet.yaml", "--figure", "-"]),
        (evaluate, ["log.csv", "fleet.yaml", "--map", "a{99999999999}=linear"]),
        (fit, ["samples.csv", "--yaml", "-"]),
        (fit, ["samples.csv", "--pools", f"small={'9' * 5000}"]),
    ],
)
def test_an_impossible_value_is_a_usage_error(app: Typer, options: list[str], folder: Path) -> None:
    assert called(app, *options).exit_code == 2
    assert not (folder / "-").exists()


def test_an_invalid_fleet_file_is_told_on_standard_output_too(folder: Path) -> None:
    (folder / "fleet.yaml").write_text("fleet: x\nclasses: 1\n", encoding="utf-8")
    result = called(check, "fleet.yaml", "--json", "-")
    assert (result.exit_code, json.loads(result.stdout)["valid"]) == (1, False)


@pytest.mark.slow
def test_a_pipe_is_read_and_written(folder: Path) -> None:
    command = [sys.executable, "-m", "slta.cli", "evaluate", "-", "fleet.yaml", "--json", "-"]
    with (folder / "log.csv").open() as log, subprocess.Popen(["cat"], stdin=log, stdout=subprocess.PIPE) as cat:
        done = subprocess.run(command, stdin=cat.stdout, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["sessions"] > 100
