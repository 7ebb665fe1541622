"""Names in options and in the header of a file: of classes, session types and columns."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from slta.cli.error_messages import UserError

CLASS_NOUN = ("class", "classes")


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


def named_amounts(
    texts: Sequence[str], names: Sequence[str], option: str, noun: tuple[str, str], unnamed: str | None = None
) -> dict[str, str]:
    """Split `small=1`, or `small=1,large=2`; a text without a name is of `unnamed`.

    Raises UserError for unknown or repeated names. `noun` is singular and plural of what is named.
    """
    found: dict[str, str] = {}
    parts = (part.strip() for text in texts for part in text.split(","))
    for text in parts:
        name, equals, amount = text.partition("=")
        if not equals and (unnamed is None or ":" in text):
            name, _, amount = text.rpartition(":")
            raise UserError(f"{option}: {text!r} is not like {f'{name}={amount}' if name else f'{names[0]}=1'}")
        name, amount = (name, amount) if equals else (unnamed or "", text)
        if name not in names:
            raise UserError(f"{option}: {no_such(name, names, noun)}")
        if name in found:
            raise UserError(f"{option}: {name or amount} is there twice")
        found[name] = amount
    return found


def no_such(name: str, names: Sequence[str], noun: tuple[str, str]) -> str:
    """That nothing has this name, and what is near or there is. `noun` is singular and plural."""
    near = get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]}?" if near else f"the {noun[1]} are {', '.join(filter(None, names))}"
    return f"no {noun[0]} is named {name!r}; {hint}"
