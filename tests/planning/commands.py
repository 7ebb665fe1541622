"""Commands of planning, called in this process on a wide terminal without colours."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
from typer import Typer
from typer.testing import CliRunner, Result

from slta_planning.evaluate.command import app as evaluate

SCHEMA = json.loads(resources.files("slta_planning.evaluate").joinpath("schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)
RUNNER = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})


def called(app: Typer, *arguments: str | Path) -> Result:
    return RUNNER.invoke(app, [*map(str, arguments)])


def figures_of(app: Typer, folder: Path, *arguments: str | Path) -> Any:
    """What the command writes as JSON."""
    out = folder / "out.json"
    result = called(app, *arguments, "--json", out)
    assert result.exit_code == 0, result.output
    data = json.loads(out.read_text(encoding="utf-8"))
    if app is evaluate:
        VALIDATOR.validate(data)
    return data


def shown(result: Result) -> str:
    """All words, without the frame of a usage message."""
    return " ".join(result.output.replace("│", " ").split())


def refusal(result: Result) -> str:
    """The same of a call that is refused."""
    assert result.exit_code == 2
    return shown(result)


def prose(result: Result) -> list[str]:
    """Lines that are not of a table, which has columns two spaces apart, and name no file."""
    lines = [*result.stdout.splitlines(), *result.stderr.splitlines()]
    return [line for line in lines if "  " not in line.strip() and "/" not in line]
