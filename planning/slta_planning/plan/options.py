"""Parsers of costs and loads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from slta.cli.error_messages import UserError
from slta.parsing.fields import MAX_MAGNITUDE
from slta_planning.decoding import read_table
from slta_planning.names import CLASS_NOUN, named_amounts
from slta_planning.text import amount

LOADS_RULE = "give one of --sessions, --load-per-pool and --profile"
MAX_SESSIONS = 10_000_000.0
"""Maximum load."""


class Loads(NamedTuple):
    """Loads of an option as written, by session type; `times` sessions of the whole fleet each."""

    texts: Sequence[str] = ()
    option: str = "--sessions"
    times: float = 1


class Options(NamedTuple):
    """Options of the command, as written."""

    costs: Sequence[str]
    loads: Loads
    profile: Path | None
    floor: str | None
    budget: str | None
    refused: float

    def check(self) -> None:
        """Raise UserError unless there is one kind of load, and one aim."""
        if bool(self.loads.texts) == bool(self.profile):
            raise UserError(LOADS_RULE)
        if (self.floor is None) == (self.budget is None):
            raise UserError("give either --floor or --budget")


def costs_of(texts: Sequence[str], names: Sequence[str]) -> tuple[float, ...]:
    """Parse `small=1` for each class, in the fleet file's order. Raises UserError."""
    found = named_amounts(texts, names, "--cost", CLASS_NOUN)
    costs = {name: positive(text, f"--cost {name}") for name, text in found.items()}
    if missing := [name for name in names if name not in found]:
        raise UserError("--cost: every class needs a cost: add " + " ".join(f"--cost {name}=…" for name in missing))
    return tuple(costs[name] for name in names)


def rows_by_hour(file: Path, check: Callable[[Sequence[str]], None]) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Name of each row's hour, where it stands, and its cells by column, once `check` has seen the columns.

    Raises UserError for names that are missing or repeated.
    """
    table, seen = read_table(file), set[str]()
    _, head = next(table, (0, []))
    check(head)
    for number, row in table:
        place, cells = f"{file}, line {number}", dict(zip_longest(head, row[: len(head)], fillvalue=""))
        name = cells["hour"]
        if not name or name in seen:
            raise UserError(f"{place}: " + (f"duplicate hour {name}" if name else "the hour is missing"))
        seen.add(name)
        yield name, place, cells


def load_of(text: str, what: str, least: float, times: float = 1) -> float:
    """Parse a load as sessions of the whole fleet, from `least` to the maximum. Raises UserError."""
    sessions = _number(text, what, "a number of sessions") * times
    if not least <= sessions <= MAX_SESSIONS:
        raise UserError(f"{what}: {amount(sessions)} is not from {least:g} to {MAX_SESSIONS:,.0f} sessions")
    return sessions


def positive(text: str, what: str) -> float:
    """Parse a number above 0, in the range of a fleet file's numbers. Raises UserError."""
    number = _number(text, what, "a number above 0")
    if number <= 0:
        raise UserError(f"{what}: {text} is not above 0")
    if not 10.0**-MAX_MAGNITUDE <= number < 10.0 ** (MAX_MAGNITUDE + 1):
        raise UserError(f"{what}: {text} is not between 1e-12 and 1e13")
    return number


def _number(text: str, what: str, wanted: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"{what}: {text.strip()!r} is not {wanted}")
    return number
