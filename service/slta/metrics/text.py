"""Prometheus text formats: renders families in short steps, byte for byte as prometheus_client does.

The two formats differ in a family's HELP and TYPE lines and the end of an exposition; sample lines are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Metric, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from slta.metrics.definitions import FleetFamily

SAMPLES_PER_STEP = 256
"""Samples rendered in one step: about 2 ms."""
PIECE_BYTES = 65_536

S = TypeVar("S")
T = TypeVar("T")


class Format(NamedTuple):
    """Text format: content type, the function that renders a registry, and the last line of an exposition."""

    content_type: str
    print: Callable[[Collector], bytes]
    end: bytes


PLAIN = Format(CONTENT_TYPE_PLAIN_0_0_4, generate_latest, b"")
OPENMETRICS = Format(openmetrics.CONTENT_TYPE_LATEST, openmetrics.generate_latest, b"# EOF\n")
OPENMETRICS_TYPE = "application/openmetrics-text"


def format_for(accept: str) -> Format:
    """Format for an Accept header."""
    return OPENMETRICS if OPENMETRICS_TYPE in accept else PLAIN


class Printer(Collector):
    """Renders one family, whose samples it overwrites."""

    def __init__(self, family: Metric) -> None:
        self._family = family
        self._head_bytes = len(self.head(PLAIN))

    def collect(self) -> Iterator[Metric]:
        """The family, for prometheus_client."""
        yield self._family

    def head(self, text_format: Format) -> bytes:
        """The HELP and TYPE lines."""
        self._family.samples = []
        return text_format.print(self).removesuffix(text_format.end)

    def lines(self, samples: list[Sample]) -> bytes:
        """The sample lines."""
        self._family.samples = samples
        return PLAIN.print(self)[self._head_bytes :]


def print_family(family: Metric, text_format: Format) -> Iterator[bytes]:
    """Render a family in steps, without the `_created` series, which no query needs."""
    samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
    printer = Printer(family)
    yield printer.head(text_format)
    for step in in_chunks(samples):
        yield printer.lines(step)


class FamilyText(Generic[S]):
    """Text of a family, to which the samples of each source are appended."""

    def __init__(self, row: FleetFamily[S], remark: str = "") -> None:
        """`remark` is appended to the family's help."""
        self._row = row
        self._family = row.family(remark)
        self._printer = Printer(self._family)
        self._lines = bytearray()

    def add(self, source: S) -> Iterator[None]:
        """Append the samples of `source`, one step per iteration."""
        for step in in_chunks(self._row.samples(source)):
            self._family.samples = []
            for labels, number in step:
                self._family.add_metric(labels, number)
            self._lines += self._printer.lines(self._family.samples)
            yield

    def length(self, text_format: Format) -> int:
        """Length of the text in bytes."""
        return len(self._printer.head(text_format)) + len(self._lines) if self._lines else 0

    def text(self, text_format: Format) -> Iterator[bytes]:
        """The text in chunks; empty without samples."""
        if self._lines:
            yield self._printer.head(text_format)
        for begin in range(0, len(self._lines), PIECE_BYTES):
            yield bytes(self._lines[begin : begin + PIECE_BYTES])


def in_chunks(items: Iterable[T], most: int = SAMPLES_PER_STEP) -> Iterator[list[T]]:
    """Split items into lists of at most `most`."""
    rest = iter(items)
    while step := list(islice(rest, most)):
        yield step
