"""Latency percentiles, overall and over the last seconds, each within 0.5 % (DDSketch)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ddsketch import DDSketch

_RELATIVE_ERROR = 0.005
_RECENT_SECONDS = 10
_SHORTEST_MS = 0.001  # limits the number of buckets: 2,400 up to a day


@dataclass(frozen=True, kw_only=True, slots=True)
class Percentiles:
    """Percentiles in milliseconds; None without data."""

    count: int
    p50: float | None
    p99: float | None
    p999: float | None
    max: float | None


class Latency:
    """Histogram of durations, recorded in order of time. The maximum is exact; memory is constant."""

    def __init__(self) -> None:
        self._overall = _Durations()
        self._by_second: deque[tuple[int, _Durations]] = deque(maxlen=_RECENT_SECONDS)

    def record(self, duration_seconds: float, at_seconds: float) -> None:
        duration_ms = duration_seconds * 1000
        second = int(at_seconds)
        if not self._by_second or self._by_second[-1][0] < second:
            self._by_second.append((second, _Durations()))
        self._by_second[-1][1].add(duration_ms)
        self._overall.add(duration_ms)

    def overall(self) -> Percentiles:
        return self._overall.percentiles()

    def recent(self, at_seconds: float) -> Percentiles:
        """Percentiles of the ten seconds up to `at_seconds`, by whole seconds."""
        merged = _Durations()
        for second, durations in self._by_second:
            if second > at_seconds - _RECENT_SECONDS:
                merged.merge(durations)
        return merged.percentiles()


class _Durations:
    def __init__(self) -> None:
        self._sketch = DDSketch(_RELATIVE_ERROR)
        self._longest_ms = 0.0

    def add(self, duration_ms: float) -> None:
        self._sketch.add(max(duration_ms, _SHORTEST_MS))
        self._longest_ms = max(self._longest_ms, duration_ms)

    def merge(self, other: _Durations) -> None:
        self._sketch.merge(other._sketch)
        self._longest_ms = max(self._longest_ms, other._longest_ms)

    def percentiles(self) -> Percentiles:
        count = int(self._sketch.count)
        if not count:
            return Percentiles(count=0, p50=None, p99=None, p999=None, max=None)
        return Percentiles(
            count=count,
            p50=self._quantile_ms(0.5),
            p99=self._quantile_ms(0.99),
            p999=self._quantile_ms(0.999),
            max=self._longest_ms,
        )

    def _quantile_ms(self, fraction: float) -> float:
        """Quantile, capped at the maximum, which the middle of its bucket may exceed."""
        return min(float(self._sketch.get_quantile_value(fraction) or 0.0), self._longest_ms)
