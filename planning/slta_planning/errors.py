"""Checks of the header of a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slta.cli.error_messages import UserError


def check_header(file: Path, columns: Sequence[str], required: Sequence[str], *optional: str) -> None:
    """Raise UserError for a required column that is missing, or a known one that is there twice."""
    missing = [name for name in required if name not in columns]
    if missing:
        why = f"{' and '.join(missing)} missing" if any(columns) else "it is empty"
        raise UserError(f"{file}: the first line must name the columns {','.join(required)}; {why}")
    refuse_twice(f"{file}: the first line", columns, (*required, *optional))


def refuse_twice(what: str, columns: Sequence[str], known: Sequence[str]) -> None:
    """Raise UserError for a duplicate column, which would be ambiguous."""
    for name in known:
        if columns.count(name) > 1:
            raise UserError(f"{what} names the column {name} twice")
