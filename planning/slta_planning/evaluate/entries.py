"""Parsers of log lines. Formats: CSV with a header, JSON lines, HAProxy's httplog and tcplog."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from slta_planning.errors import UnusableError, refuse_twice, why_no_columns

FormatName = Literal["csv", "jsonl", "haproxy"]
TIMES = ("start_s", "end_s")
OPTIONAL = ("class", "session_type", "session_id")
MAX_SECONDS = 1e11
"""Times and durations are below this (year 5138 since 1970); larger values are milliseconds."""


class Entry(NamedTuple):
    """A session from a log line: times in seconds, pool name, and class, backend and session type if it has them.

    `waited` are seconds in a queue before its start. `key` is the session's id or else its client's address and port.
    `is_second`: its date comes for the second time, as clocks went back.
    """

    start: float
    duration: float
    pool: str
    pool_class: str | None = None
    backend: str | None = None
    session_type: str | None = None
    waited: float = 0.0
    key: str | None = None
    is_second: bool = False


class LineError(ValueError):
    """Invalid line; the message gives the reason."""


class NotPlacedError(Exception):
    """The session reached no pool: it was refused or aborted."""


class OtherBackendError(Exception):
    """The line is of a backend that was not selected; its name is the argument."""


@dataclass(frozen=True)
class Format:
    """Log format; `parse` raises LineError or NotPlacedError.

    `is_written_at_end`: lines are written when sessions end, as by proxies, so the log lacks the sessions open at its
    end.
    """

    name: FormatName
    parse: Callable[[str], Entry]
    has_header: bool = False
    is_written_at_end: bool = False


def csv_format(header: str) -> Format:
    """CSV with the columns start_s or end_s, duration_s, pool, optionally class and session_type, among others."""
    try:
        columns = [column.strip() for column in next(csv.reader([header]), [])]
    except csv.Error:
        raise UnusableError("the first line is not CSV: lines must end with LF or CRLF") from None
    time = next((name for name in TIMES if name in columns), None)
    if time is None or not {"duration_s", "pool"} <= set(columns):
        why = why_no_columns(columns)
        raise UnusableError(
            "the first line of a CSV must name the columns start_s (or end_s), duration_s and pool"
            + (f"; {why}" if why else "")
        )
    refuse_twice("the first line of the CSV", columns, (time, "duration_s", "pool", *OPTIONAL))
    return Format("csv", _csv_parser(columns, time), has_header=True, is_written_at_end=time == "end_s")


def _csv_parser(columns: Sequence[str], time: str) -> Callable[[str], Entry]:
    at_time, at_duration, at_pool = (columns.index(name) for name in (time, "duration_s", "pool"))
    optional = [columns.index(name) if name in columns else None for name in OPTIONAL]

    def parse(line: str) -> Entry:
        try:
            cells = [cell.strip() for cell in next(csv.reader([line]))]
        except csv.Error:
            raise LineError("not a line of CSV") from None
        if len(cells) != len(columns):
            raise LineError(f"{len(cells)} columns instead of {len(columns)}")
        others = [None if at is None else cells[at] for at in optional]
        return entry(time, cells[at_time], cells[at_duration], cells[at_pool], *others)

    return parse


def json_format(first_line: str) -> Format:
    """JSON lines: one object per line, with CSV's columns as members."""
    time = "end_s" if '"end_s"' in first_line else "start_s"

    def parse(line: str) -> Entry:
        try:
            members = json.loads(line)
        except (ValueError, RecursionError):
            raise LineError("not JSON") from None
        if not isinstance(members, dict):
            raise LineError("not a JSON object")
        missing = [name for name in (time, "duration_s", "pool") if name not in members]
        if missing:
            raise LineError(f"no {missing[0]}")
        return entry(time, members[time], members["duration_s"], members["pool"], *map(members.get, OPTIONAL))

    return Format("jsonl", parse, is_written_at_end=time == "end_s")


def entry(time: str, at: object, duration: object, pool: object, *optional: object) -> Entry:
    """Build an entry from parsed values, at last those of OPTIONAL. Of nginx's lists of tries the last counts."""
    if pool == "":
        raise NotPlacedError
    if isinstance(duration, str):
        duration = duration.replace(" : ", ", ").rpartition(", ")[2]
    seconds = _seconds("duration_s", duration)
    if seconds < 0:
        raise LineError(f"duration_s is negative: {duration}")
    moment = _seconds(time, at)
    pool_class, session_type, key = optional
    if not isinstance(pool, str) or not isinstance(pool_class, str | None):
        raise LineError("pool and class must be strings")
    if not isinstance(session_type, str | None):
        raise LineError("session_type must be a string")
    if not isinstance(key, str | int | None):
        raise LineError("session_id must be a string or a whole number")
    start = moment - seconds if time == "end_s" else moment
    named = None if key in (None, "") else str(key)
    return Entry(start, seconds, pool, pool_class or None, session_type=session_type or None, key=named)


def _seconds(name: str, value: object) -> float:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise LineError(f"{name} is not a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise LineError(f"{name} is not a number: {str(value)[:40]!r}") from None
    if not math.isfinite(number):
        raise LineError(f"{name} must be finite")
    if abs(number) >= MAX_SECONDS:
        raise LineError(f"{name} is too large for seconds: {str(value)[:40]}")
    return number
