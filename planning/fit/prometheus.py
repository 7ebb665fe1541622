"""Samples from Prometheus: two range queries, one of sessions and one of values, whose series have the same labels.

The protocol: Prometheus, "HTTP API", section Range queries.
"""

from __future__ import annotations

import json
import math
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from planning.errors import Unusable
from planning.fit.samples import Samples

MOST_STEPS = 10_000
"""Steps of one request: a server refuses more than 11,000."""
TIMEOUT_SECONDS = 60
NOT_A_CLASS = ("__name__",)

MOST_STEPS_ASKED = 10_000_000
_VISIBLE = re.compile(r"[!-~]+").fullmatch

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Range:
    """Which steps are asked for; times in seconds since 1970, both ends included."""

    start: float
    end: float
    step: float

    def parts(self) -> Iterator[Range]:
        """As several ranges that a server answers. Unusable where there would be too many."""
        if self.end - self.start > MOST_STEPS_ASKED * self.step:
            raise Unusable(f"more than {MOST_STEPS_ASKED:,} steps: take a longer --step, or a later --start")
        at, steps = self.start, math.floor((self.end - self.start) / self.step) + 1
        while steps > 0:
            now = min(steps, MOST_STEPS)
            yield Range(at, at + (now - 1) * self.step, self.step)
            at, steps = at + now * self.step, steps - now


@dataclass(frozen=True)
class Source:
    """A server: `url` as in a browser, `token` for `Authorization: Bearer`."""

    url: str
    token: str | None = None

    def series(self, query: str, wanted: Range) -> dict[Labels, dict[float, str]]:
        """Values by labels and time. Unusable, with what the server says."""
        found: dict[Labels, dict[float, str]] = {}
        for part in wanted.parts():
            for one in self._ask(query, part):
                labels = tuple(sorted((k, v) for k, v in one["metric"].items() if k not in NOT_A_CLASS))
                found.setdefault(labels, {}).update(one.get("values", []))
        return found

    def _ask(self, query: str, part: Range) -> list[Any]:
        fields = {"query": query, "start": part.start, "end": part.end, "step": part.step}
        where = f"{self.url.rstrip('/')}/api/v1/query_range"
        if not _is_address(where):
            raise Unusable(f"{self.url}: a Prometheus has an address like http://localhost:9090")
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        request = urllib.request.Request(where, urllib.parse.urlencode(fields).encode(), headers)  # noqa: S310 - see above
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                return _result(json.load(answer))
        except urllib.error.HTTPError as error:
            raise Unusable(f"Prometheus refused {query!r}: {_reason(error)}") from None
        except (urllib.error.URLError, OSError) as error:
            raise Unusable(f"{self.url} cannot be asked: {getattr(error, 'reason', error)}") from None
        except (ValueError, KeyError, TypeError):
            raise Unusable(f"{self.url} does not answer as Prometheus does") from None


def _is_address(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        return (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and _VISIBLE(url) is not None
        )
    except ValueError:
        return False


def _result(answer: Any) -> list[Any]:  # noqa: ANN401 - JSON
    result: list[Any] = answer["data"]["result"]
    if answer["data"]["resultType"] != "matrix":
        raise ValueError
    return result


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError, OSError):
        return f"{error.code} {error.reason}"


def read_prometheus(source: Source, sessions: str, value: str, class_label: str, wanted: Range) -> Samples:
    """A sample wherever both queries have a value with the same labels at the same step."""
    held, valued = source.series(sessions, wanted), source.series(value, wanted)
    shared = [labels for labels in held if labels in valued]
    if not shared:
        raise Unusable(
            "no series of --sessions has the same labels as one of --value (the name apart): "
            f"{_some(held)} of --sessions, {_some(valued)} of --value"
        )
    samples = Samples()
    for labels in shared:
        names = dict(labels)
        if class_label not in names:
            raise Unusable(f"the series {_shown(labels)} has no label {class_label}: --class-label names another")
        for at in sorted(held[labels].keys() & valued[labels].keys()):
            where = f"{_shown(labels)} at {at:.0f}"
            samples.add(where, names[class_label], held[labels][at], valued[labels][at], _shown(labels))
    return samples


def _some(series: Mapping[Labels, object]) -> str:
    first = next(iter(series), None)
    return "none" if first is None else f"{_shown(first)} is one of {len(series)}"


def _shown(labels: Labels) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"
