"""Calls of `slta plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.testing import Result

from slta_planning.plan.command import app
from tests.planning.commands import called, figures_of


def plan(fleet: Path, *options: str) -> Result:
    return called(app, fleet, *options)


def figures(fleet: Path, *options: str) -> Any:
    return figures_of(app, fleet.parent, fleet, *options)
