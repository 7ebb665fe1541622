"""Samples of utility by class: the sessions of a pool, and a value measured for them."""

from __future__ import annotations

import math
import re
from array import array
from dataclasses import dataclass, field
from pathlib import Path

from slta.cli.error_messages import UserError
from slta.core.limits import MAX_CAPACITY
from slta.parsing.fields import MAX_MAGNITUDE, NAME_PATTERN, NAME_RULE
from slta_planning.decoding import read_table
from slta_planning.names import check_header

COLUMNS = ("pool_class", "sessions", "value")
MAX_VALUE = 10.0 ** (MAX_MAGNITUDE + 1)
"""Maximum magnitude of a value, as in fleet files."""
EXAMPLES = 5
"""Maximum number of invalid samples in the report."""


@dataclass
class ClassSamples:
    """Samples of a class: `sessions[k] ≥ 1` of a pool when `values[k]` was measured; `pools` by name, if given."""

    sessions: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    empty_values: array[float] = field(default_factory=lambda: array("d"))
    pools: set[str] = field(default_factory=set)


@dataclass
class Samples:
    """Samples of all classes in order of appearance, and counts of lines."""

    classes: dict[str, ClassSamples] = field(default_factory=dict)
    read: int = 0
    bad: int = 0
    bad_lines: list[str] = field(default_factory=list)

    def add(self, where: str, pool_class: str, sessions: str, value: str, pool: str | None = None) -> None:
        """Add a sample, or count it as invalid. Values of empty pools are kept apart: u(0) = 0 needs no samples."""
        try:
            name, held, number = _name(pool_class), _whole(sessions), _value(value)
        except ValueError as error:
            self.refuse(where, str(error))
            return
        self.read += 1
        one = self.classes.setdefault(name, ClassSamples())
        if pool:
            one.pools.add(pool)
        if held:
            one.sessions.append(held)
            one.values.append(number)
        else:
            one.empty_values.append(number)

    def refuse(self, where: str, why: str) -> None:
        """Count an invalid sample."""
        self.read += 1
        self.bad += 1
        if self.bad <= EXAMPLES:
            self.bad_lines.append(f"{where}: {why}")

    def refuse_if_too_many(self, most: float) -> None:
        """Raise UserError if a larger fraction is invalid, or nothing is left."""
        if self.bad > most * self.read:
            raise UserError(
                f"{self.bad:,} of {self.read:,} samples cannot be used, more than --max-left-out {most:g} allows"
                + "".join(f"\n  {line}" for line in self.bad_lines)
            )
        if not any(one.sessions for one in self.classes.values()):
            raise UserError("no samples of pools with sessions")


def _name(text: str) -> str:
    if not re.fullmatch(NAME_PATTERN, text):
        raise ValueError(f"invalid pool_class {text[:40]!r}: it must have {NAME_RULE}")
    return text


def _whole(text: str) -> int:
    number = _finite(text, "sessions")
    if number != int(number) or number < 0:
        raise ValueError(f"sessions must be a whole number, 0 or more: {text[:40]!r}")
    if number > MAX_CAPACITY:
        raise ValueError(f"sessions must be at most {MAX_CAPACITY:,}: {text[:40]!r}")
    return int(number)


def _value(text: str) -> float:
    number = _finite(text, "value")
    if abs(number) >= MAX_VALUE:
        raise ValueError(f"value must be below {MAX_VALUE:g} in magnitude: {text[:40]!r}")
    return number


def _finite(text: str, name: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{name} is not a number: {text[:40]!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite")
    return number


def read_csv(path: Path) -> Samples:
    """CSV with `COLUMNS` and optionally `pool`, in any order, others ignored. Raises OSError or UserError."""
    table = read_table(path)
    _, head = next(table, (0, []))
    check_header(path, head, COLUMNS, "pool")
    samples = Samples()
    for number, row in table:
        cells = dict(zip(head, row, strict=False))
        if len(row) != len(head):
            samples.refuse(f"line {number}", f"{len(row)} columns instead of {len(head)}")
        else:
            pool_class, sessions, value = (cells[name] for name in COLUMNS)
            samples.add(f"line {number}", pool_class, sessions, value, cells.get("pool"))
    return samples
