"""Parsers of loads and floors; by session type, if the fleet has some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from slta.cli.error_messages import UserError
from slta.core.fleet import FleetSpec
from slta.core.scaling.settings import floor_of
from slta.core.session_types import DEFAULT_TYPE
from slta_planning.names import check_header, named_amounts, no_such, refuse_twice
from slta_planning.plan.options import Loads, load_of, rows_by_hour

COLUMNS = ("hour", "sessions")
"""Of the profile of a fleet without session types."""
MAX_SIMULATED = 50_000.0
"""Maximum sessions of all types at a time: more would take minutes to simulate."""

TYPE_NOUN = ("session type", "session types")


class Hour(NamedTuple):
    """Row of a profile: name and mean sessions of each type, by its number. A single load has no name."""

    name: str
    sessions: tuple[float, ...]

    @property
    def total(self) -> float:
        """Mean sessions of the whole fleet."""
        return sum(self.sessions)


def loads_of(given: Loads, kinds: Sequence[str]) -> Hour:
    """Parse `video=120` for each type; `50` alone is the load of `default`, 0 without it. Raises UserError."""
    texts, option, times = given
    if len(kinds) == 1:
        if len(texts) > 1 or "=" in texts[0]:
            told = "give one number; the fleet file has no session_types that could have their own"
            raise UserError(f"{option}: {told}")
        return Hour("", (load_of(texts[0], option, 1.0, times),))
    found = named_amounts(texts, kinds, option, TYPE_NOUN, unnamed=DEFAULT_TYPE)
    if missing := [name for name in kinds if name not in found and name != DEFAULT_TYPE]:
        words = " ".join(f"{option} {name}=…" for name in missing)
        raise UserError(f"{option}: every session type needs a load: add {words}")
    loads = {name: load_of(text, f"{option} {name}", 0.0, times) for name, text in found.items()}
    return _simulated(Hour("", tuple(loads.get(kind, 0.0) for kind in kinds)), option, least=1.0)


def read_profile(file: Path, kinds: Sequence[str]) -> list[Hour]:
    """CSV with the columns `hour`, one of each type and, if there are such sessions, `default`. Raises UserError.

    Without session types the columns are `hour` and `sessions`. Names of hours are unique.
    """
    rows = rows_by_hour(file, lambda columns: _check_columns(file, columns, kinds))
    hours = [_hour_of(name, row, place, kinds) for name, place, row in rows]
    if not any(hour.total for hour in hours):
        raise UserError(f"{file}: contains no hours")
    return hours


def _hour_of(name: str, row: Mapping[str, str], place: str, kinds: Sequence[str]) -> Hour:
    if len(kinds) == 1:
        return Hour(name, (load_of(row["sessions"], f"{place}: sessions", least=0.0),))
    loads = (load_of(row.get(kind, "0"), f"{place}: {kind}", least=0.0) for kind in kinds)
    return _simulated(Hour(name, tuple(loads)), place, least=0.0)


def _check_columns(file: Path, columns: Sequence[str], kinds: Sequence[str]) -> None:
    if len(kinds) == 1:
        check_header(file, columns, COLUMNS)
        return
    check_header(file, columns, ("hour", *(name for name in kinds if name != DEFAULT_TYPE)))
    refuse_twice(f"{file}: the first line", columns, [DEFAULT_TYPE])
    if "sessions" in columns and "sessions" not in kinds:
        raise UserError(f"{file}: the fleet has session types: the column sessions cannot say whose sessions it means")
    for name in columns:
        if name not in ("", "hour", *kinds):
            raise UserError(f"{file}: the first line: {no_such(name, kinds, TYPE_NOUN)}")


def _simulated(hour: Hour, what: str, least: float) -> Hour:
    if not least <= hour.total <= MAX_SIMULATED:
        raise UserError(
            f"{what}: all types together have {hour.total:g} sessions, not from {least:g} to {MAX_SIMULATED:,.0f}, as "
            "many as can be simulated"
        )
    return hour


def floors_of(text: str, spec: FleetSpec) -> tuple[float, ...]:
    """Utility per session of each type, from a floor as written. Raises UserError."""
    try:
        return spec.floors(floor_of(text))
    except ValueError as error:
        raise UserError(f"--floor: {error}") from None
