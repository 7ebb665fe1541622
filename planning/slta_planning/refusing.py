"""Error report of an invalid fleet file: one line per error."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import NoReturn

import typer

from slta.cli.streams import write_json
from slta.models.errors import InvalidFleetError
from slta_planning.text import counted


def refuse(fleet: Path, error: InvalidFleetError, json: Path | None, code: int) -> NoReturn:
    """Print each error with its position, as compilers do, and exit."""
    lines = [f"{_at(fleet, mistake.place)}{replace(mistake, place=None)}" for mistake in error.mistakes]
    typer.echo("\n".join(lines or [str(error)]), err=True)
    if lines:
        typer.echo(f"{fleet} is not valid: {counted(len(lines), 'mistake')}", err=True)
    if json:
        write_json({"valid": False, "mistakes": [asdict(mistake) for mistake in error.mistakes] or [str(error)]}, json)
    raise typer.Exit(code)


def _at(fleet: Path, place: tuple[int, int] | None) -> str:
    return f"{fleet}:{place[0]}:{place[1]}: " if place else f"{fleet}: "
