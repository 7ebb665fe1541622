"""Families in Prometheus's text formats, byte for byte as prometheus_client prints them, in short steps.

The formats differ in a family's head and in the end of an exposition; the lines of samples are the same in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Metric, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from service.metrics.rows import ReadRow

SAMPLES_PER_STEP = 256
"""Samples printed in one step: about 2 ms."""
PIECE_BYTES = 65_536

S = TypeVar("S")
T = TypeVar("T")


class Format(NamedTuple):
    """A text format: its content type, the function that prints a registry, and the last line of an exposition."""

    content_type: str
    print: Callable[[Collector], bytes]
    end: bytes


PLAIN = Format(CONTENT_TYPE_PLAIN_0_0_4, generate_latest, b"")
OPENMETRICS = Format(openmetrics.CONTENT_TYPE_LATEST, openmetrics.generate_latest, b"# EOF\n")
OPENMETRICS_TYPE = "application/openmetrics-text"


def format_for(accept: str) -> Format:
    """The format that an Accept header asks for."""
    return OPENMETRICS if OPENMETRICS_TYPE in accept else PLAIN


class Printer(Collector):
    """Prints one family. It takes over the family's samples."""

    def __init__(self, family: Metric) -> None:
        self._family = family
        self._head_bytes = len(self.head(PLAIN))

    def collect(self) -> Iterator[Metric]:
        """For prometheus_client: the family alone."""
        yield self._family

    def head(self, form: Format) -> bytes:
        """The lines HELP and TYPE."""
        self._family.samples = []
        return form.print(self).removesuffix(form.end)

    def lines(self, samples: list[Sample]) -> bytes:
        """One line a sample."""
        self._family.samples = samples
        return PLAIN.print(self)[self._head_bytes :]


def print_family(family: Metric, form: Format) -> Iterator[bytes]:
    """The family's text in steps, without the creation times that no query needs."""
    samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
    printer = Printer(family)
    yield printer.head(form)
    for step in in_steps(samples):
        yield printer.lines(step)


class FamilyText(Generic[S]):
    """The text of a row's family. It grows with everything that the row is read from."""

    def __init__(self, row: ReadRow[S], remark: str = "") -> None:
        """Nothing was read yet. `remark` follows the family's help."""
        self._row = row
        self._family = row.family(remark)
        self._printer = Printer(self._family)
        self._lines = bytearray()

    def add(self, whole: S) -> Iterator[None]:
        """Read everything that the row says of `whole`; one step each time it is resumed."""
        for step in in_steps(self._row.samples(whole)):
            self._family.samples = []
            for labels, number in step:
                self._family.add_metric(labels, number)
            self._lines += self._printer.lines(self._family.samples)
            yield

    def length(self, form: Format) -> int:
        """Bytes of the text."""
        return len(self._printer.head(form)) + len(self._lines) if self._lines else 0

    def text(self, form: Format) -> Iterator[bytes]:
        """In pieces; nothing where the row has no value."""
        if self._lines:
            yield self._printer.head(form)
        for begin in range(0, len(self._lines), PIECE_BYTES):
            yield bytes(self._lines[begin : begin + PIECE_BYTES])


def in_steps(items: Iterable[T], most: int = SAMPLES_PER_STEP) -> Iterator[list[T]]:
    """The items in order, at most `most` at a time."""
    rest = iter(items)
    while step := list(islice(rest, most)):
        yield step
