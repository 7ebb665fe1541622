"""Metric definitions: name, help, labels and value of each family, as rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, ClassVar, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

PREFIX = "slta"
OPENTELEMETRY = "http_server_"
"""Prefix of what OpenTelemetry's conventions name."""

S = TypeVar("S")
P = TypeVar("P")
Labels = tuple[str, ...]
Sample = tuple[Labels, float]
"""Values of the labels, and the number."""
Value = float | dict[Any, float] | dict[Any, int] | None
"""A number; None for no series; or a number for each value of the row's own label."""


@dataclass(frozen=True)
class Row:
    """Definition of a metric family; `name` has no suffix, and no prefix unless OpenTelemetry names it."""

    name: str
    help: str
    labels: Labels
    type: ClassVar[str]

    @property
    def full_name(self) -> str:
        """Name for prometheus_client."""
        return self.name if self.name.startswith(OPENTELEMETRY) else f"{PREFIX}_{self.name}"

    @property
    def shown_name(self) -> str:
        """Name in the exposition; the series of a histogram have further suffixes."""
        return f"{self.full_name}_total" if self.type == "counter" else self.full_name


@dataclass(frozen=True)
class FleetFamily(Row, Generic[S]):
    """Family whose samples are computed from a source `S` at each scrape."""

    samples: Callable[[S], Sequence[Sample]]
    new: ClassVar[type[GaugeMetricFamily | CounterMetricFamily]]

    def family(self, remark: str = "") -> GaugeMetricFamily | CounterMetricFamily:
        """Empty family; `remark` is appended to its help."""
        return self.new(self.full_name, f"{self.help} {remark}".rstrip(), labels=self.labels)


class FleetGauge(FleetFamily[S]):
    type, new = "gauge", GaugeMetricFamily


class FleetCounter(FleetFamily[S]):
    type, new = "counter", CounterMetricFamily


@dataclass(frozen=True)
class FamilyFactory(Generic[S, P]):
    """Factory of families with one series per part: `parts` splits an `S` into parts, each with values of `labels`."""

    labels: Labels
    parts: Callable[[S], Iterable[tuple[Labels, P]]]

    def gauge(
        self, name: str, text: str, value: Callable[[P], Value] | None = None, labels: Labels = ()
    ) -> FleetGauge[S]:
        """Define a gauge. `value` defaults to the part's attribute `name`; `labels` has the label of a mapping."""
        return FleetGauge(name, text, self.labels + labels, self._samples(value or attrgetter(name)))

    def counter(self, name: str, text: str, value: Callable[[P], Value], labels: Labels = ()) -> FleetCounter[S]:
        """Define a counter; arguments as in `gauge`."""
        return FleetCounter(name, text, self.labels + labels, self._samples(value))

    def _samples(self, value: Callable[[P], Value]) -> Callable[[S], Sequence[Sample]]:
        def samples(source: S) -> Sequence[Sample]:
            found = list[Sample]()
            for labels, part in self.parts(source):
                numbers = value(part)
                if isinstance(numbers, dict):
                    found += [((*labels, own), number) for own, number in numbers.items()]
                elif numbers is not None:
                    found.append((labels, numbers))
            return found

        return samples


@dataclass(frozen=True)
class CounterDef(Row):
    """Counter of this process."""

    type = "counter"

    def create(self, registry: CollectorRegistry) -> Counter:
        """Create the counter, at 0."""
        return Counter(self.full_name, self.help, self.labels, registry=registry)


@dataclass(frozen=True)
class GaugeDef(Row):
    """Gauge of this process."""

    type = "gauge"

    def create(self, registry: CollectorRegistry) -> Gauge:
        """Create the gauge, at 0."""
        return Gauge(self.full_name, self.help, self.labels, registry=registry)


@dataclass(frozen=True)
class HistogramDef(Row):
    """Histogram of this process."""

    buckets: tuple[float, ...]
    type = "histogram"

    def create(self, registry: CollectorRegistry) -> Histogram:
        """Create the empty histogram."""
        return Histogram(self.full_name, self.help, self.labels, registry=registry, buckets=self.buckets)
