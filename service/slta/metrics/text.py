"""Prometheus text formats: renders families in short steps, byte for byte as prometheus_client does.

The two formats differ in a family's HELP and TYPE lines and the end of an exposition; sample lines are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Metric, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from slta.metrics.definitions import FleetFamily, Labels

SAMPLES_PER_STEP = 256
"""Samples rendered in one step: at most 1 ms."""
PIECE_BYTES = 65_536

GO_FROM = 1e6
EXACT_ABOVE = 1e300

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


class _WithoutSamples(Collector):
    """A family of which only the name, help and type are rendered."""

    def __init__(self, family: Metric) -> None:
        self._family = Metric(family.name, family.documentation, family.type)

    def collect(self) -> Iterator[Metric]:
        """The family, for prometheus_client."""
        yield self._family


def head(family: Metric, text_format: Format) -> bytes:
    """The HELP and TYPE lines."""
    return text_format.print(_WithoutSamples(family)).removesuffix(text_format.end)


@lru_cache(4096)
def sample_template(name: str, labels: Labels) -> Callable[..., str]:
    """Renders a sample line from its escaped label values, in the order of `labels`, and its number as text.

    The line has the labels sorted by name, as prometheus_client sorts them.
    """
    places = sorted(range(len(labels)), key=labels.__getitem__)
    pairs = ",".join(f'{labels[place]}="{{{place}}}"' for place in places)
    series = f"{name}{{{{{pairs}}}}}" if pairs else name
    return f"{series} {{{len(labels)}}}\n".format


@lru_cache(4096)
def escaped(value: str) -> str:
    """A label value as it stands between quotation marks."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def number_text(number: float) -> str:
    """A number as Go's clients of Prometheus write it; below 10^6 as Python does."""
    return repr(float(number)) if -EXACT_ABOVE < number < GO_FROM else floatToGoString(number)


def print_family(family: Metric, text_format: Format) -> Iterator[bytes]:
    """Render a family in steps, without the `_created` series, which no query needs."""
    yield head(family, text_format)
    for step in in_chunks(sample for sample in family.samples if not sample.name.endswith("_created")):
        lines = [
            sample_template(one.name, tuple(one.labels))(*map(escaped, one.labels.values()), number_text(one.value))
            for one in step
        ]
        yield "".join(lines).encode()


class FamilyText(Generic[S]):
    """Text of a family, to which the samples of each source are appended."""

    def __init__(self, row: FleetFamily[S], remark: str = "") -> None:
        """`remark` is appended to the family's help."""
        self._row = row
        self._family = row.family(remark)
        self._line = sample_template(row.shown_name, row.labels)
        self._lines = bytearray()

    def add(self, source: S) -> Iterator[None]:
        """Append the samples of `source`, one step per iteration."""
        line, samples = self._line, self._row.samples(source)
        for begin in range(0, len(samples), SAMPLES_PER_STEP):
            step = samples[begin : begin + SAMPLES_PER_STEP]
            lines = [line(*map(escaped, labels), number_text(number)) for labels, number in step]
            self._lines += "".join(lines).encode()
            yield

    def length(self, text_format: Format) -> int:
        """Length of the text in bytes."""
        return len(head(self._family, text_format)) + len(self._lines) if self._lines else 0

    def text(self, text_format: Format) -> Iterator[bytes]:
        """The text in chunks; empty without samples."""
        if self._lines:
            yield head(self._family, text_format)
        for begin in range(0, len(self._lines), PIECE_BYTES):
            yield bytes(self._lines[begin : begin + PIECE_BYTES])


def in_chunks(items: Iterable[T], most: int = SAMPLES_PER_STEP) -> Iterator[list[T]]:
    """Split items into lists of at most `most`."""
    rest = iter(items)
    while step := list(islice(rest, most)):
        yield step
