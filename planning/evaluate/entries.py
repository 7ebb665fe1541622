"""One line of a log as an entry. Formats: CSV with a header, JSON lines, HAProxy's httplog and tcplog."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from planning.errors import Unusable, refuse_twice

FormatName = Literal["csv", "jsonl", "haproxy"]
TIMES = ("start_s", "end_s")
LARGEST_SECONDS = 1e11
"""A time or duration is below this: the year 5138, counted from 1970. What is larger counts milliseconds."""


class Entry(NamedTuple):
    """A session as a line tells it: seconds, its pool's name, and its class where the line has one."""

    start: float
    duration: float
    pool: str
    pool_class: str | None = None


class BadLine(ValueError):
    """A line that is no session; the message says why."""


class NotPlaced(Exception):
    """A line of a session that no pool got: refused or aborted before."""


@dataclass(frozen=True)
class Format:
    """How the lines of a log are read; `parse` raises BadLine or NotPlaced.

    `is_written_at_end` tells that a line is written when its session ends, as proxies do: sessions that were open when
    the log ended are then not in it.
    """

    name: FormatName
    parse: Callable[[str], Entry]
    has_header: bool = False
    is_written_at_end: bool = False


def csv_format(header: str) -> Format:
    """CSV with the columns start_s or end_s, duration_s, pool, and perhaps class, in any order, among others."""
    try:
        columns = [column.strip() for column in next(csv.reader([header]), [])]
    except csv.Error:
        raise Unusable("the first line is no line of CSV: lines end with LF or CRLF") from None
    time = next((name for name in TIMES if name in columns), None)
    if time is None or not {"duration_s", "pool"} <= set(columns):
        raise Unusable("the first line of a CSV must name the columns start_s (or end_s), duration_s and pool")
    refuse_twice("the first line of the CSV", columns, (time, "duration_s", "pool", "class"))
    return Format("csv", _csv_parser(columns, time), has_header=True, is_written_at_end=time == "end_s")


def _csv_parser(columns: Sequence[str], time: str) -> Callable[[str], Entry]:
    at_time, at_duration, at_pool = (columns.index(name) for name in (time, "duration_s", "pool"))
    at_class = columns.index("class") if "class" in columns else None

    def parse(line: str) -> Entry:
        try:
            cells = [cell.strip() for cell in next(csv.reader([line]))]
        except csv.Error:
            raise BadLine("not a line of CSV") from None
        if len(cells) != len(columns):
            raise BadLine(f"{len(cells)} columns instead of {len(columns)}")
        pool_class = None if at_class is None else cells[at_class]
        return entry(time, cells[at_time], cells[at_duration], cells[at_pool], pool_class)

    return parse


def json_format(first_line: str) -> Format:
    """JSON lines: an object a line, with the members that a CSV has as columns."""
    time = "end_s" if '"end_s"' in first_line else "start_s"

    def parse(line: str) -> Entry:
        try:
            members = json.loads(line)
        except (ValueError, RecursionError):
            raise BadLine("not JSON") from None
        if not isinstance(members, dict):
            raise BadLine("not a JSON object")
        missing = [name for name in (time, "duration_s", "pool") if name not in members]
        if missing:
            raise BadLine(f"no {missing[0]}")
        return entry(time, members[time], members["duration_s"], members["pool"], members.get("class"))

    return Format("jsonl", parse, is_written_at_end=time == "end_s")


def entry(time: str, at: object, duration: object, pool: object, pool_class: object) -> Entry:
    """An entry of values as they were read."""
    seconds = _seconds("duration_s", duration)
    if seconds < 0:
        raise BadLine(f"duration_s is negative: {duration}")
    moment = _seconds(time, at)
    if not isinstance(pool, str) or not isinstance(pool_class, str | None):
        raise BadLine("pool and class must be texts")
    if not pool:
        raise NotPlaced
    return Entry(moment - seconds if time == "end_s" else moment, seconds, pool, pool_class or None)


def _seconds(name: str, value: object) -> float:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise BadLine(f"{name} is not a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise BadLine(f"{name} is not a number: {str(value)[:40]!r}") from None
    if not math.isfinite(number):
        raise BadLine(f"{name} must be finite")
    if abs(number) >= LARGEST_SECONDS:
        raise BadLine(f"{name} is too large for seconds: {str(value)[:40]}")
    return number
