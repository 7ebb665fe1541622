"""Holes in a log: times of which the lines were lost, as by a logger that was down."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slta.cli.error_messages import UserError
from slta_experiments.workload import Floats
from slta_planning.evaluate.reading import Log
from slta_planning.text import counted, error_text

MAX_HOLES = 20
"""Maximum of holes: only so many of the longest times without an end are examined."""
MIN_EXPECTED = 14.0
"""Ends that are expected in a hole: that there is none by chance has a probability below e^−14, a millionth."""


class Holes(StrEnum):
    """What is done about them."""

    KEEP = "keep"
    """They are measured as if nothing were missing."""
    DROP = "drop"
    """They are not measured, nor a mean duration before each, of which lines are missing."""


class Hole(NamedTuple):
    """No line was written between two times in seconds, though `sessions` began there, and were open at its end."""

    begin: float
    end: float
    sessions: int


def holes_of(log: Log) -> list[Hole]:
    """Times without an end, though of the sessions that began there many are expected to end; a quiet night is none."""
    if len(log.ends) < MIN_EXPECTED:
        return []
    ends, durations = np.sort(log.ends), np.sort(log.ends - log.starts)
    longest = np.argsort(np.diff(ends))[-MAX_HOLES:]
    return list(_found(log, ends, durations, np.sort(longest)))


def _found(log: Log, ends: Floats, durations: Floats, at: NDArray[np.int64]) -> Iterator[Hole]:
    for begin, end in zip(ends[at], ends[at + 1], strict=True):
        ages = end - log.starts[(log.starts > begin) & (log.starts < end) & (log.ends > end)]
        longer = len(durations) - np.searchsorted(durations, ages, side="right")
        expected = -np.log(np.maximum(longer, 0.5) / len(durations)).sum()  # the cumulative hazard of the durations
        if expected > MIN_EXPECTED:
            yield Hole(float(begin), float(end), len(ages))


def refuse_holes(holes: list[Hole], log: Log, most: float) -> None:
    """Raise UserError if holes are a larger share of the log's time."""
    if not holes:
        return
    lost = sum(hole.end - hole.begin for hole in holes)
    if lost <= most * float(log.starts[-1] - log.starts[0]):
        return
    head = (
        f"the log has {counted(len(holes), 'hole')} of {lost:,.0f} s: no session ended, though "
        f"{max(hole.sessions for hole in holes):,} began. Lines are missing, more than --max-left-out {most:g} "
        "allows; choose"
    )
    drop = "  --holes drop: do not measure these times, and a mean duration before each"
    raise UserError(error_text([head, drop, "  --holes keep: measure them as if nothing were missing"]))
