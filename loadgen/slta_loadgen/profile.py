"""Load profiles: piecewise linear rates (steps, ramps, a day), their syntax, integral and inverse."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import NamedTuple

DAY_SECONDS = 86_400.0

# Relative rate by hour, in the manner of evening entertainment; illustrative, not measured.
_DAY_BY_HOUR = (
    *(0.85, 0.62, 0.46, 0.36, 0.31, 0.32, 0.40, 0.54, 0.68, 0.80, 0.90, 0.98),
    *(1.06, 1.10, 1.12, 1.15, 1.20, 1.28, 1.40, 1.55, 1.66, 1.65, 1.47, 1.14),
)

_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
_SEGMENT = re.compile(rf"({_NUMBER})(?:\.\.({_NUMBER}))?@({_NUMBER})", re.ASCII)


class InvalidProfileError(ValueError):
    """Invalid profile, or one without arrivals."""


class Segment(NamedTuple):
    """Segment with a linear rate from `start_rate` to `end_rate` (per second)."""

    duration_seconds: float
    start_rate: float
    end_rate: float

    @property
    def slope(self) -> float:
        return (self.end_rate - self.start_rate) / self.duration_seconds

    @property
    def expected_arrivals(self) -> float:
        return (self.start_rate + self.end_rate) / 2 * self.duration_seconds

    def moment_of(self, expected: float) -> float:
        """Time at which so many arrivals are expected, in the form without cancellation at small slopes."""
        root = math.sqrt(max(0.0, self.start_rate**2 + 2 * self.slope * expected))
        reached = self.start_rate + root  # 0 at the start of a ramp, also if the product underflows
        return 2 * expected / reached if reached > 0 else 0.0


@dataclass(frozen=True)
class RateProfile:
    """Rate profile λ(t) from 0 to `duration_seconds`, in arrivals per second or a unit proportional to it."""

    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        for duration_seconds, *rates in self.segments:
            if not 0 < duration_seconds < math.inf:
                raise InvalidProfileError(f"the duration of a segment must be positive, not {duration_seconds} s")
            if not all(0 <= rate < math.inf for rate in rates):
                raise InvalidProfileError(f"rates must be finite and not negative, not {rates}")
        if not 0 < self.expected_arrivals < math.inf:
            raise InvalidProfileError("the profile has no arrivals: at least one rate must be positive")

    @cached_property
    def _ends_seconds(self) -> list[float]:
        return list(accumulate(segment.duration_seconds for segment in self.segments))

    @cached_property
    def _expected_by_end(self) -> list[float]:
        return list(accumulate(segment.expected_arrivals for segment in self.segments))

    @property
    def duration_seconds(self) -> float:
        return self._ends_seconds[-1] if self.segments else 0.0

    @property
    def expected_arrivals(self) -> float:
        """Λ of the whole profile."""
        return self._expected_by_end[-1] if self.segments else 0.0

    @property
    def mean_rate(self) -> float:
        return self.expected_arrivals / self.duration_seconds

    def rate_at(self, seconds: float) -> float:
        """λ(t); at a step, the rate after it."""
        k = min(bisect_right(self._ends_seconds, seconds), len(self.segments) - 1)
        segment, start_seconds = self.segments[k], self._ends_seconds[k - 1] if k else 0.0
        return segment.start_rate + segment.slope * min(seconds - start_seconds, segment.duration_seconds)

    def moment_of(self, expected: float) -> float:
        """Λ⁻¹: time at which the expected number of arrivals reaches `expected` (below `expected_arrivals`)."""
        k = min(bisect_right(self._expected_by_end, expected), len(self.segments) - 1)
        before_seconds = self._ends_seconds[k - 1] if k else 0.0
        expected_before = self._expected_by_end[k - 1] if k else 0.0
        within_seconds = self.segments[k].moment_of(expected - expected_before)
        return min(before_seconds + within_seconds, self._ends_seconds[k])

    def scaled(self, factor: float) -> RateProfile:
        """The profile at `factor` times the rate."""
        return RateProfile(
            tuple(
                Segment(duration, start_rate * factor, end_rate * factor)
                for duration, start_rate, end_rate in self.segments
            )
        )


def constant(rate: float, duration_seconds: float) -> RateProfile:
    return RateProfile((Segment(duration_seconds, rate, rate),))


def through(rates: Sequence[float], duration_seconds: float) -> RateProfile:
    """Linear interpolation of equidistant `rates`."""
    step_seconds = duration_seconds / (len(rates) - 1)
    return RateProfile(tuple(Segment(step_seconds, start, end) for start, end in pairwise(rates)))


def day(mean_rate: float, duration_seconds: float = DAY_SECONDS) -> RateProfile:
    """Daily profile with a quiet morning and a busy evening, scaled to `duration_seconds`."""
    shape = through((*_DAY_BY_HOUR, _DAY_BY_HOUR[0]), duration_seconds)
    return shape.scaled(mean_rate / shape.mean_rate)


def parse_profile(text: str) -> RateProfile:
    """Parse comma-separated `RATE@SECONDS` (step) and `RATE..RATE@SECONDS` (ramp): `5@30,5..12@20,12@30`."""
    return RateProfile(tuple(_parse_segment(part.strip()) for part in text.split(",")))


def _parse_segment(text: str) -> Segment:
    match = _SEGMENT.fullmatch(text)
    if not match:
        raise InvalidProfileError(
            f"expected RATE@SECONDS or RATE..RATE@SECONDS, such as 5@30 or 5..12@20, not {text!r}"
        )
    start_rate, end_rate, duration_seconds = match.groups()
    return Segment(float(duration_seconds), float(start_rate), float(end_rate or start_rate))
