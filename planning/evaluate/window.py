"""Which part of a log is measured, and what may be missing from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.workload import Floats, Workload, workload_of
from planning.errors import Unusable
from planning.evaluate.reading import Log
from planning.text import counted

HOUR = 3600.0
PARTS = 60
"""Parts of the window that the figure draws."""
LATEST = 4e9
"""A start in seconds after 1970 is between this and `EARLIEST`; other starts count from a moment of their own."""
EARLIEST = 1e8
YEAR = 365.25 * 24 * HOUR
LONGEST = 10 * YEAR
"""Seconds from the first start to the last; a log of more has a clock that was wrong."""


@dataclass(frozen=True)
class Window:
    """What is measured: from `begin` to `end`, in seconds after the first start, which is `origin` of the log.

    Sessions that were open when the log began are not in it, nor, where lines are written when sessions end, those
    that were open when it ended. `missing_at_begin` and `missing_at_end` say how many may still be missing at the
    window's two ends: the rate of arrivals times the mean of what a duration is longer than the time cut off.
    """

    origin: float
    begin: float
    end: float
    last_start: float
    missing_at_begin: float
    missing_at_end: float

    @property
    def hours(self) -> list[float]:
        """The window's ends and the whole hours of the log's clock between them."""
        first = np.ceil((self.origin + self.begin) / HOUR)
        inside = np.arange(first, (self.origin + self.end) / HOUR) * HOUR - self.origin
        return [self.begin, *(float(h) for h in inside if self.begin < h < self.end), self.end]

    @property
    def parts(self) -> list[float]:
        """The window in equal parts."""
        return [float(t) for t in np.linspace(self.begin, self.end, PARTS + 1)]


def window_of(log: Log, warm_up: float | None, cool_down: float | None) -> Window:
    """First to last start, less `warm_up` and `cool_down` seconds; None: a mean duration where sessions may be missing.

    Unusable where nothing is left.
    """
    if len(log.starts) < 2:
        raise Unusable(f"{counted(len(log.starts), 'session')} on pools of the fleet: too few to measure")
    durations = log.ends - log.starts
    mean, span = float(durations.mean()), float(log.starts[-1] - log.starts[0])
    cut = mean if warm_up is None else warm_up
    rest = (mean if log.format.is_written_at_end else 0.0) if cool_down is None else cool_down
    if span > LONGEST:
        raise Unusable(
            f"the starts span {span / YEAR:,.0f} years, from {log.starts[0]:.12g} to {log.starts[-1]:.12g} s: "
            "take out the lines whose time is wrong"
        )
    if cut + rest >= span:
        raise Unusable(
            f"the starts span {span:g} s, of which {cut:g} s at the beginning and {rest:g} s at the end are not "
            f"measured (the mean duration is {mean:g} s): take a longer log, or set --warm-up and --cool-down"
        )
    rate = len(log.starts) / span
    after_last_start = float(log.ends.max() - log.starts[-1]) + rest
    return Window(
        origin=float(log.starts[0]),
        begin=cut,
        end=span - rest,
        last_start=span,
        missing_at_begin=rate * _mean_excess(durations, cut),
        missing_at_end=rate * _mean_excess(durations, after_last_start) if log.format.is_written_at_end else 0.0,
    )


def _mean_excess(durations: NDArray[np.float64], cut: float) -> float:
    return float(np.maximum(durations - cut, 0.0).mean())


def workload_of_log(log: Log, window: Window, draws: Floats, kept: NDArray[np.bool_]) -> Workload:
    """The sessions that are `kept`, from an empty fleet on."""
    starts, ends = log.starts[kept] - window.origin, log.ends[kept] - window.origin
    return workload_of(0, starts, ends, draws[kept])
