"""Parsers of costs, loads and the floor."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from slta.core.ranking import Ranking
from slta_planning.errors import UnusableError, check_header

MAX_SESSIONS = 10_000_000.0
"""Maximum load."""
COLUMNS = ("hour", "load")


class Hour(NamedTuple):
    """Row of a profile: name and mean sessions of the whole fleet. A single load has no name."""

    name: str
    sessions: float


@dataclass(frozen=True)
class Floor:
    """Minimum mean utility: per session, or as a fraction of the largest marginal utility."""

    amount: float
    is_share: bool

    def of_a_session(self, ranking: Ranking) -> float:
        """Utility per session. Raises Unusable if no fleet of these classes can reach it."""
        best = max(column[0] for column in ranking.marginals)
        if self.is_share and best <= 0:
            raise UnusableError(
                "--floor: no session adds anything on a pool of these classes: give a utility per session"
            )
        asked = self.amount * best if self.is_share else self.amount
        if asked > best:
            raise UnusableError(f"--floor: a session adds at most {best:g} on a pool of these classes, not {asked:g}")
        return asked


def floor_of(text: str) -> Floor:
    """Parse `0.5`, utility per session, or `95%`, a fraction of max Δ(i, 0). Raises Unusable."""
    is_share = text.endswith("%")
    amount = _number(text.removesuffix("%"), "--floor", "a number like 0.5, or a share like 95%")
    if is_share and not 0 < amount <= 100:
        raise UnusableError(f"--floor: {text} is not a share above 0% and up to 100%")
    return Floor(amount / 100 if is_share else amount, is_share)


def costs_of(texts: Sequence[str], names: Sequence[str]) -> tuple[float, ...]:
    """Parse `small=1` for each class, in the fleet file's order. Raises Unusable."""
    found: dict[str, float] = {}
    for text in texts:
        name, equals, amount = text.partition("=")
        if not equals:
            raise UnusableError(f"--cost: {text!r} is not like {names[0]}=1")
        if name not in names:
            near = get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]}?" if near else f"the classes are {', '.join(names)}"
            raise UnusableError(f"--cost: no class is named {name!r}; {hint}")
        if name in found:
            raise UnusableError(f"--cost: {name} has two costs")
        found[name] = positive(amount, f"--cost {name}")
    if missing := [name for name in names if name not in found]:
        raise UnusableError("--cost: every class needs a cost: add " + " ".join(f"--cost {name}=…" for name in missing))
    return tuple(found[name] for name in names)


def read_profile(file: Path) -> list[Hour]:
    """CSV with the columns `hour` and `load`; hour names must be unique. Raises Unusable with the line."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        try:
            hours = list(_hours(csv.DictReader(lines, skipinitialspace=True), file))
        except (csv.Error, UnicodeDecodeError) as error:
            raise UnusableError(f"{file}: is not CSV: {error}") from None
    if not any(hour.sessions for hour in hours):
        raise UnusableError(f"{file}: contains no hours")
    return hours


def _hours(rows: csv.DictReader[str], file: Path) -> Iterator[Hour]:
    check_header(file, list(rows.fieldnames or ()), COLUMNS)
    seen: set[str] = set()
    for row in rows:
        place = f"{file}, line {rows.line_num}"
        name = (row["hour"] or "").strip()
        if not name or name in seen:
            raise UnusableError(f"{place}: " + (f"duplicate hour {name}" if name else "the hour is missing"))
        seen.add(name)
        yield Hour(name, load_of(row["load"] or "", f"{place}: load", least=0.0))


def load_of(text: str, what: str, least: float) -> float:
    """Parse a load in sessions of the whole fleet, from `least` to the maximum. Raises Unusable."""
    sessions = _number(text, what, "a number of sessions")
    if not least <= sessions <= MAX_SESSIONS:
        raise UnusableError(f"{what}: {text.strip()} is not from {least:g} to {MAX_SESSIONS:,.0f} sessions")
    return sessions


def positive(text: str, what: str) -> float:
    """Parse a number above 0. Raises Unusable."""
    number = _number(text, what, "a number above 0")
    if number <= 0:
        raise UnusableError(f"{what}: {text} is not above 0")
    return number


def _number(text: str, what: str, wanted: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UnusableError(f"{what}: {text.strip()!r} is not {wanted}")
    return number
