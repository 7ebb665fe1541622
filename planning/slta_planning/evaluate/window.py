"""Measurement window of a log, and estimates of the sessions missing from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slta.cli.error_messages import UserError
from slta_planning.evaluate.holes import Hole
from slta_planning.evaluate.reading import Log
from slta_planning.text import counted

HOUR = 3600.0
PARTS = 60
"""Parts of the window in the plot."""
LATEST = 4e9
"""Starts between `EARLIEST` and this are seconds since 1970; others count from a moment of their own."""
EARLIEST = 1e8
YEAR = 365.25 * 24 * HOUR
BEFORE_HOLES = 3.0
"""Mean durations before a hole that are not measured: many sessions of then have ended in it."""
MAX_SPAN = 10 * YEAR
"""Maximum span of the starts in seconds; a longer log has wrong times."""


@dataclass(frozen=True)
class Window:
    """Measurement window from `begin` to `end`, in seconds after the first start, which is `origin` of the log.

    A log lacks the sessions open at its beginning and, if lines are written when sessions end, those open at its end.
    `missing_at_begin` and `missing_at_end` estimate how many are still missing at the window's ends: the arrival rate
    times the mean excess of a duration over the time cut off. What lies in `holes` is not measured.
    """

    origin: float
    begin: float
    end: float
    last_start: float
    missing_at_begin: float
    missing_at_end: float
    holes: Sequence[tuple[float, float]] = ()

    @property
    def hours(self) -> list[float]:
        """Ends of the window and the full hours of the log's clock between them."""
        first = np.ceil((self.origin + self.begin) / HOUR)
        inside = np.arange(first, (self.origin + self.end) / HOUR) * HOUR - self.origin
        return [self.begin, *(float(h) for h in inside if self.begin < h < self.end), self.end]

    @property
    def times(self) -> list[float]:
        """All times between which figures are asked for."""
        edges = (time for hole in self.holes for time in hole if self.begin < time < self.end)
        return sorted({*self.hours, *self.parts, *edges})

    def kept(self, begin: float, end: float) -> list[tuple[float, float]]:
        """What is measured between two times."""
        edges = [begin, *(float(np.clip(time, begin, end)) for hole in self.holes for time in hole), end]
        return [(first, last) for first, last in zip(edges[::2], edges[1::2], strict=True) if first < last]

    @property
    def parts(self) -> list[float]:
        """Equal parts of the window."""
        return [float(t) for t in np.linspace(self.begin, self.end, PARTS + 1)]


def window_of(log: Log, warm_up: float | None, cool_down: float | None, holes: Sequence[Hole] = ()) -> Window:
    """First to last start, less `warm_up` and `cool_down` seconds; None: a mean duration if sessions may be missing.

    Less `holes`, and some mean durations before each, of which lines are missing too. Raises UserError if nothing
    is left.
    """
    if len(log.starts) < 2:
        raise UserError(f"{counted(len(log.starts), 'session')} on pools of the fleet: too few to measure")
    durations = log.ends - log.starts
    mean, span = float(durations.mean()), float(log.starts[-1] - log.starts[0])
    cut = mean if warm_up is None else warm_up
    rest = (mean if log.format.is_written_at_end else 0.0) if cool_down is None else cool_down
    if span > MAX_SPAN:
        raise UserError(
            f"the starts span {span / YEAR:,.0f} years, from {log.starts[0]:.12g} to {log.starts[-1]:.12g} s: remove "
            "the lines with wrong times"
        )
    if cut + rest >= span:
        raise UserError(
            f"the starts span {span:g} s, of which {cut:g} s at the beginning and {rest:g} s at the end are not "
            f"measured (the mean duration is {mean:g} s; milliseconds are duration_ms): take a longer log, or set "
            "--warm-up and --cool-down"
        )
    rate = len(log.starts) / span
    after_last_start = float(log.ends.max() - log.starts[-1]) + rest
    origin = float(log.starts[0])
    found = Window(
        origin=origin,
        begin=cut,
        end=span - rest,
        last_start=span,
        missing_at_begin=rate * _mean_excess(durations, cut),
        missing_at_end=rate * _mean_excess(durations, after_last_start) if log.format.is_written_at_end else 0.0,
        holes=[(hole.begin - origin - BEFORE_HOLES * mean, hole.end - origin) for hole in holes],
    )
    if not found.kept(found.begin, found.end):
        raise UserError("nothing is left to measure between the holes of the log")
    return found


def _mean_excess(durations: NDArray[np.float64], cut: float) -> float:
    return float(np.maximum(durations - cut, 0.0).mean())
