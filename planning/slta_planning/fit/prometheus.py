"""Samples from Prometheus: range queries of sessions and of values, joined by labels.

Protocol: Prometheus, "HTTP API", section Range queries.
"""

from __future__ import annotations

import json
import math
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from slta.cli.error_messages import UserError
from slta_planning.fit.samples import Samples
from slta_planning.fit.series import Labels, joined

MAX_STEPS = 10_000
"""Steps per request; servers refuse more than 11,000."""
TIMEOUT_SECONDS = 60
NOT_A_CLASS = ("__name__",)

MAX_STEPS_ASKED = 10_000_000
_VISIBLE = re.compile(r"[!-~]+").fullmatch


@dataclass(frozen=True)
class Range:
    """Time range of a query in seconds since 1970, both ends included."""

    start: float
    end: float
    step: float

    def parts(self) -> Iterator[Range]:
        """Split into ranges that a server accepts. Raises UserError if there are too many steps."""
        if self.end - self.start > MAX_STEPS_ASKED * self.step:
            raise UserError(f"more than {MAX_STEPS_ASKED:,} steps: use a longer --step or a later --start")
        at, steps = self.start, math.floor((self.end - self.start) / self.step) + 1
        while steps > 0:
            now = min(steps, MAX_STEPS)
            yield Range(at, at + (now - 1) * self.step, self.step)
            at, steps = at + now * self.step, steps - now


@dataclass(frozen=True)
class Source:
    """Prometheus server: base `url`, and `token` for `Authorization: Bearer`."""

    url: str
    token: str | None = None

    def series(self, query: str, span: Range) -> dict[Labels, dict[float, str]]:
        """Values by labels and time. Raises UserError with the server's message."""
        found: dict[Labels, dict[float, str]] = {}
        for part in span.parts():
            for one in self._ask(query, part):
                labels = tuple(sorted((k, v) for k, v in one["metric"].items() if k not in NOT_A_CLASS))
                found.setdefault(labels, {}).update(one.get("values", []))
        return found

    def _ask(self, query: str, part: Range) -> list[Any]:
        fields = {"query": query, "start": part.start, "end": part.end, "step": part.step}
        where = f"{self.url.rstrip('/')}/api/v1/query_range"
        if not _is_address(where):
            raise UserError(f"--prometheus: {self.url} is not a URL like http://localhost:9090")
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        request = urllib.request.Request(where, urllib.parse.urlencode(fields).encode(), headers)  # noqa: S310 - see above
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                return _result(json.load(answer))
        except urllib.error.HTTPError as error:
            raise UserError(f"Prometheus refused {query!r}: {_reason(error)}") from None
        except (urllib.error.URLError, OSError) as error:
            raise UserError(f"{self.url}: the query failed: {getattr(error, 'reason', error)}") from None
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{self.url}: the response is not one of Prometheus") from None


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


def read_prometheus(source: Source, sessions: str, value: str, class_label: str, span: Range) -> Samples:
    """A sample wherever both queries have a value with the same labels at the same step."""
    return joined(source.series(sessions, span), source.series(value, span), class_label)
