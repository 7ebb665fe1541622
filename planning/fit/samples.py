"""Samples of what sessions are worth, by class: how many sessions a pool held, and what was measured of them."""

from __future__ import annotations

import csv
import math
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from planning.errors import Unusable, refuse_twice
from service.core.limits import MAX_CAPACITY
from service.reading.fields import LARGEST_MAGNITUDE, NAME_PATTERN, NAME_RULE

COLUMNS = ("pool_class", "sessions", "value")
LARGEST = 10.0 ** (LARGEST_MAGNITUDE + 1)
"""Of a value in either direction: a fleet file has no larger numbers."""
EXAMPLES = 5
"""Bad samples that are named."""


@dataclass
class ClassSamples:
    """One class: `sessions[k] ≥ 1` on a pool when `values[k]` was measured; `pools` by name, where they have one."""

    sessions: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    empty_values: array[float] = field(default_factory=lambda: array("d"))
    pools: set[str] = field(default_factory=set)


@dataclass
class Samples:
    """All classes in the order in which they came, and what became of the lines."""

    classes: dict[str, ClassSamples] = field(default_factory=dict)
    read: int = 0
    bad: int = 0
    bad_lines: list[str] = field(default_factory=list)

    def add(self, where: str, pool_class: str, sessions: str, value: str, pool: str | None = None) -> None:
        """Take a sample up, or count it as bad. Values of empty pools are kept apart: u(0) = 0 needs no samples."""
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
        """Count a bad sample."""
        self.read += 1
        self.bad += 1
        if self.bad <= EXAMPLES:
            self.bad_lines.append(f"{where}: {why}")

    def refuse_if_too_many(self, most: float) -> None:
        """Unusable where a larger share is bad, or where nothing is left."""
        if self.bad > most * self.read:
            raise Unusable(
                f"{self.bad:,} of {self.read:,} samples cannot be used, more than --max-left-out {most:g} allows"
                + "".join(f"\n  {line}" for line in self.bad_lines)
            )
        if not any(one.sessions for one in self.classes.values()):
            raise Unusable("there are no samples of pools with sessions")


def _name(text: str) -> str:
    if not re.fullmatch(NAME_PATTERN, text):
        raise ValueError(f"pool_class is not a name: {text[:40]!r}; it has {NAME_RULE}")
    return text


def _whole(text: str) -> int:
    number = _finite(text, "sessions")
    if number != int(number) or number < 0:
        raise ValueError(f"sessions must be a whole number from 0 on: {text[:40]!r}")
    if number > MAX_CAPACITY:
        raise ValueError(f"sessions must be at most {MAX_CAPACITY:,}: {text[:40]!r}")
    return int(number)


def _value(text: str) -> float:
    number = _finite(text, "value")
    if abs(number) >= LARGEST:
        raise ValueError(f"value must be below {LARGEST:g} in magnitude: {text[:40]!r}")
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
    """A CSV with the columns of `COLUMNS`, and perhaps `pool`, in any order, among others. OSError, or Unusable."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        rows = csv.reader(stream)
        head = [name.strip() for name in next(rows, [])]
        missing = [name for name in COLUMNS if name not in head]
        if missing:
            raise Unusable(
                f"{path}: the first line must name the columns {', '.join(COLUMNS)}; {' and '.join(missing)} missing"
            )
        refuse_twice(f"{path}: the first line", head, (*COLUMNS, "pool"))
        return _collect(head, rows)


def _collect(head: list[str], rows: Iterator[list[str]]) -> Samples:
    samples = Samples()
    places = [head.index(name) for name in COLUMNS]
    pool = head.index("pool") if "pool" in head else None
    numbered = enumerate(_readable(rows), start=2)
    for number, row in numbered:
        if not row:
            continue
        if len(row) != len(head):
            samples.refuse(f"line {number}", f"{len(row)} columns instead of {len(head)}")
            continue
        pool_class, sessions, value = (row[at].strip() for at in places)
        samples.add(f"line {number}", pool_class, sessions, value, row[pool] if pool is not None else None)
    return samples


def _readable(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """Rows; one that is no CSV, such as with a NUL, has a single empty cell."""
    while True:
        try:
            yield next(rows)
        except StopIteration:
            return
        except csv.Error:
            yield [""]
