"""Trace files: CSV with the columns `start_s,duration_s` and optionally `session_type`, read as a stream."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from slta_loadgen.type_mix import NAME
from slta_loadgen.workload import PlannedSession

COLUMNS = ["start_s", "duration_s"]
TYPED = [*COLUMNS, "session_type"]


class InvalidTraceError(ValueError):
    """Invalid line of a trace; the message begins with file and line."""


@dataclass(frozen=True, slots=True)
class TraceLength:
    """Totals of a trace at the speed it was read with, and the types that its sessions name."""

    sessions: int
    last_start_seconds: float
    last_end_seconds: float
    session_seconds: float
    session_types: tuple[str, ...] = ()


def read_trace(path: Path, *, speed: float = 1.0) -> Iterator[PlannedSession]:
    """Sessions of `path` in order of their starts; `speed` 10 plays an hour in six minutes.

    Raises InvalidTraceError at the first invalid line, OSError if the file cannot be read. Memory: one line.
    """
    if not 0 < speed < math.inf:
        raise ValueError(f"--speed must be positive, not {speed}")
    return (PlannedSession(start / speed, duration / speed, name) for start, duration, name in _rows(path))


def measure_trace(path: Path, *, speed: float = 1.0) -> TraceLength:
    """Read all of `path` once, so that an invalid line is found before the replay begins."""
    sessions, last_start, last_end, session_seconds = 0, 0.0, 0.0, 0.0
    types: dict[str, None] = {}
    for start, duration, name in read_trace(path, speed=speed):
        sessions += 1
        types |= {name: None} if name else {}
        last_start, last_end = start, max(last_end, start + duration)
        session_seconds += duration
    if not sessions:
        raise InvalidTraceError(f"{path}: no sessions")
    return TraceLength(sessions, last_start, last_end, session_seconds, tuple(types))


def session_seconds_between(path: Path, begin_seconds: float, end_seconds: float, *, speed: float = 1.0) -> float:
    """Total session time of `path` from `begin_seconds` to `end_seconds` at this speed."""
    return math.fsum(
        max(0.0, min(start + duration, end_seconds) - max(start, begin_seconds))
        for start, duration, _ in read_trace(path, speed=speed)
    )


def _rows(path: Path) -> Iterator[PlannedSession]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file, strict=True)
        previous_start = 0.0
        try:
            columns = _header(next(lines, []))
            for row in filter(None, lines):
                planned = _parse_row(columns, row, previous_start)
                previous_start = planned.start_seconds
                yield planned
        except (ValueError, csv.Error) as error:
            raise InvalidTraceError(f"{path}, line {max(lines.line_num, 1)}: {error}") from error


def _header(row: Sequence[str]) -> Sequence[str]:
    columns = [column.strip() for column in row]
    if columns not in (COLUMNS, TYPED):
        optional = "" if columns[:2] != COLUMNS else f" or {','.join(TYPED)}"
        raise ValueError(f"the first line must be {','.join(COLUMNS)}{optional}, not {','.join(row)!r}")
    return columns


def _parse_row(columns: Sequence[str], row: Sequence[str], previous_start: float) -> PlannedSession:
    if len(row) != len(columns):
        raise ValueError(f"{len(row)} columns instead of {len(columns)}")
    start, duration = (_parse_seconds(name, text) for name, text in zip(COLUMNS, row, strict=False))
    if start < previous_start:
        raise ValueError(f"start_s {start} comes after {previous_start}: sort the trace by start")
    return PlannedSession(start, duration, _parse_type(row[2]) if len(row) > 2 else None)


def _parse_type(text: str) -> str | None:
    name = text.strip()
    if name and not re.fullmatch(NAME, name):
        raise ValueError(f"session_type is not a name: {text!r}")
    return name or None


def _parse_seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError(f"{name} is not a number: {text!r}") from None
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{name} must be finite and not negative: {text!r}")
    return seconds
