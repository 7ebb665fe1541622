"""Parsers of log lines: CSV with a header, and JSON lines."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Literal, NamedTuple

from slta.cli.error_messages import UserError
from slta_planning.decoding import separator
from slta_planning.names import refuse_twice

FormatName = Literal["csv", "jsonl", "haproxy", "slta1"]
TIMES = ("start_s", "start_ms", "end_s", "end_ms", "duration_s", "duration_ms")
"""In the order in which the first two are taken."""
OPTIONAL = ("class", "session_type", "session_id")
LIST = re.compile(", | : ")
ISO = re.compile(r"\d{4}-\d\d-\d\d")
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


class NoSessionError(Exception):
    """The line is of no session, such as one that says that a session begins."""


@dataclass(frozen=True)
class Format:
    """Log format; `parse` raises LineError or one of the errors above.

    `is_written_at_end`: lines are written when sessions end, as by proxies, so the log lacks the sessions open at its
    end. `is_local`: whether dates without a time zone were read. `begun` are sessions without an end so far.
    """

    name: FormatName
    parse: Callable[[str], Entry]
    is_written_at_end: bool = False
    has_header: bool = False
    is_local: Callable[[], bool] = lambda: False
    begun: Collection[str] = ()


NEEDED = "the columns start_s (or end_s), duration_s and pool"


class Layout:
    """Where a record has its times, pool and options, by the names of its members, and entries from records.

    `renamed` are names of the log by ours. Two of start, end and duration are needed, in seconds or milliseconds;
    starts and ends may be ISO 8601, in `zone` if they name none.
    """

    def __init__(self, members: Collection[str], renamed: Mapping[str, str], zone: tzinfo | None) -> None:
        """Raises UserError for a member that is missing."""
        names = {ours: renamed.get(ours, ours) for ours in (*TIMES, "pool", *OPTIONAL)}
        absent = [name for name in renamed.values() if name not in members]
        found = [ours for ours in TIMES if names[ours] in members][:2]
        if absent or len({ours.partition("_")[0] for ours in found}) < 2 or names["pool"] not in members:
            raise UserError(f"there is no {absent[0]}" if absent else NEEDED)
        self.first, self.second = found
        self.members = [names[name] for name in (*found, "pool")]
        self.options = [names[name] for name in OPTIONAL]
        self.zone = zone
        self.is_written_at_end = self.first.startswith("end")

    def entry(self, first: object, second: object, pool: object, *optional: object) -> Entry:
        """An entry from a record's values. Of nginx's lists of tries the last counts."""
        if pool == "":
            raise NotPlacedError
        if isinstance(second, str) and isinstance(pool, str) and LIST.search(second):
            second, pool = LIST.split(second)[-1], LIST.split(pool)[-1]
        moment, other = seconds_of(self.first, first, self.zone), seconds_of(self.second, second, self.zone)
        seconds = other - moment if self.second.startswith("end") else other
        if seconds < 0:
            raise LineError(f"{self.second} is {'negative' if seconds == other else 'before the start'}: {second}")
        pool_class, session_type, key = optional
        if not isinstance(pool, str) or not isinstance(pool_class, str | None):
            raise LineError("pool and class must be strings")
        if not isinstance(session_type, str | None):
            raise LineError("session_type must be a string")
        if not isinstance(key, str | int | None):
            raise LineError("session_id must be a string or a whole number")
        start = moment - seconds if self.is_written_at_end else moment
        named = None if key in (None, "") else str(key)
        return Entry(start, seconds, pool, pool_class or None, session_type=session_type or None, key=named)


def csv_format(header: str, renamed: Mapping[str, str] = {}, zone: tzinfo | None = None) -> Format:
    """CSV with the columns of a layout among others, separated by commas, semicolons, tabs or bars."""
    mark = separator(header)
    columns = [column.strip() for column in next(csv.reader([header], delimiter=mark), [])]
    try:
        layout = Layout(columns, renamed, zone)
    except UserError as error:
        raise UserError(f"the first line of a CSV must name {NEEDED}: {error}; --columns names others") from None
    refuse_twice("the first line of the CSV", columns, (*layout.members, *layout.options))
    return Format("csv", _csv_parser(columns, layout, mark), layout.is_written_at_end, has_header=True)


def _csv_parser(columns: Sequence[str], layout: Layout, mark: str) -> Callable[[str], Entry]:
    needed = [columns.index(name) for name in layout.members]
    optional = [columns.index(name) if name in columns else None for name in layout.options]

    def parse(line: str) -> Entry:
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=mark))]
        if len(cells) != len(columns):
            raise LineError(f"{len(cells)} columns instead of {len(columns)}")
        return layout.entry(*(cells[at] for at in needed), *(None if at is None else cells[at] for at in optional))

    return parse


def json_format(first_line: str, renamed: Mapping[str, str] = {}, zone: tzinfo | None = None) -> Format:
    """JSON lines: one object per line, with CSV's columns as members."""
    try:
        layout = Layout(object_of(first_line), renamed, zone)
    except (UserError, LineError):
        names = ("end_s" if '"end_s"' in first_line else "start_s", "duration_s", "pool")
        layout = Layout((*names, *renamed.values()), renamed, zone)

    def parse(line: str) -> Entry:
        members = object_of(line)
        missing = [name for name in layout.members if name not in members]
        if missing:
            raise LineError(f"no {missing[0]}")
        return layout.entry(*(members[name] for name in layout.members), *map(members.get, layout.options))

    return Format("jsonl", parse, layout.is_written_at_end)


def object_of(line: str) -> dict[str, object]:
    try:
        members = json.loads(line)
    except (ValueError, RecursionError):
        raise LineError("not JSON") from None
    if not isinstance(members, dict):
        raise LineError("not a JSON object")
    return members


def seconds_of(name: str, value: object, zone: tzinfo | None) -> float:
    """Seconds from a number in the unit of the name, or from an ISO 8601 time that is not a duration."""
    if isinstance(value, str) and ISO.match(value) and not name.startswith("duration"):
        return _iso(name, value, zone)
    number = _number(name, value)
    return number / 1000 if name.endswith("_ms") else number


def _iso(name: str, text: str, zone: tzinfo | None) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise LineError(f"{name} is not a time: {text[:40]!r}") from None
    if moment.tzinfo is None and zone is None:
        raise LineError(f"{name} has no time zone: {text[:40]!r}; give --timezone")
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def _number(name: str, value: object) -> float:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise LineError(f"{name} is not a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise LineError(f"{name} is not a number: {str(value)[:40]!r}") from None
    if not math.isfinite(number):
        raise LineError(f"{name} must be finite")
    if abs(number) >= MAX_SECONDS * (1000 if name.endswith("_ms") else 1):
        raise LineError(f"{name} is too large for seconds: {str(value)[:40]}; milliseconds are {name[:-2]}_ms")
    return number
