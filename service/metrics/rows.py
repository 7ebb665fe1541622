"""Rows of the tables of metrics: a family's name, help and labels, and where its values stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

PREFIX = "slta"

S = TypeVar("S")
P = TypeVar("P")
Labels = tuple[str, ...]
Value = float | Mapping[Any, float] | None
"""A number; None: no series; or a number for each value of the row's own label, which is a string."""


@dataclass(frozen=True)
class Row:
    """One family, named without prefix and suffix."""

    name: str
    help: str
    labels: Labels
    type: ClassVar[str]

    @property
    def full_name(self) -> str:
        """The name that prometheus_client is given."""
        return f"{PREFIX}_{self.name}"

    @property
    def shown_name(self) -> str:
        """The name in the exposition; a histogram's series have suffixes besides."""
        return f"{self.full_name}_total" if self.type == "counter" else self.full_name


@dataclass(frozen=True)
class ReadRow(Row, Generic[S]):
    """A family whose values are read from an `S` at each scrape."""

    samples: Callable[[S], Iterator[tuple[Labels, float]]]
    new: ClassVar[type[GaugeMetricFamily | CounterMetricFamily]]

    def family(self, remark: str = "") -> GaugeMetricFamily | CounterMetricFamily:
        """The family without any samples; a remark follows its help."""
        return self.new(self.full_name, f"{self.help} {remark}".rstrip(), labels=self.labels)

    def read(self, whole: S) -> GaugeMetricFamily | CounterMetricFamily:
        """The family with what it says of `whole`."""
        family = self.family()
        for labels, number in self.samples(whole):
            family.add_metric(labels, number)
        return family


class GaugeRow(ReadRow[S]):
    """What may rise and fall."""

    type, new = "gauge", GaugeMetricFamily


class CounterRow(ReadRow[S]):
    """What only rises."""

    type, new = "counter", CounterMetricFamily


@dataclass(frozen=True)
class Kind(Generic[S, P]):
    """A kind of rows: `parts` of an `S`, each with the values of `labels`; a row's value is read from a part."""

    labels: Labels
    parts: Callable[[S], Iterable[tuple[Labels, P]]]

    def gauge(self, name: str, text: str, value: Callable[[P], Value], labels: Labels = ()) -> GaugeRow[S]:
        """A row of gauges; `labels` holds the row's own label where `value` gives a mapping."""
        return GaugeRow(name, text, self.labels + labels, self._samples(value))

    def counter(self, name: str, text: str, value: Callable[[P], Value], labels: Labels = ()) -> CounterRow[S]:
        """The same of counters."""
        return CounterRow(name, text, self.labels + labels, self._samples(value))

    def _samples(self, value: Callable[[P], Value]) -> Callable[[S], Iterator[tuple[Labels, float]]]:
        def samples(whole: S) -> Iterator[tuple[Labels, float]]:
            for labels, part in self.parts(whole):
                for own, number in _numbers(value(part)):
                    yield labels + own, number

        return samples


def _numbers(value: Value) -> list[tuple[Labels, float]]:
    if isinstance(value, Mapping):
        return [((label,), number) for label, number in value.items()]
    return [] if value is None else [((), value)]


@dataclass(frozen=True)
class TallyRow(Row):
    """A counter that this process raises."""

    type = "counter"

    def tally(self, registry: CollectorRegistry) -> Counter:
        """At 0."""
        return Counter(self.full_name, self.help, self.labels, registry=registry)


@dataclass(frozen=True)
class MeterRow(Row):
    """A gauge of this process."""

    type = "gauge"

    def meter(self, registry: CollectorRegistry) -> Gauge:
        """At 0."""
        return Gauge(self.full_name, self.help, self.labels, registry=registry)


@dataclass(frozen=True)
class HistogramRow(Row):
    """A histogram that this process fills."""

    buckets: tuple[float, ...]
    type = "histogram"

    def histogram(self, registry: CollectorRegistry) -> Histogram:
        """Empty."""
        return Histogram(self.full_name, self.help, self.labels, registry=registry, buckets=self.buckets)
