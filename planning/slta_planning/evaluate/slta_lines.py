"""Parser of the lines that our recipes for proxies write for `slta follow` (docs/follow.md).

An end line is a session, whose type is in the begin line of its id. A line has its time before `slta1`: HAProxy's date,
of the beginning, or an ISO 8601 time or Caddy's member `ts`, of the end.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, tzinfo

from slta_integrations.follow.log_line import Begin, End, parse
from slta_planning.evaluate.clock import LocalClock
from slta_planning.evaluate.entries import (
    Entry,
    Format,
    LineError,
    NoSessionError,
    NotPlacedError,
    object_of,
    seconds_of,
)
from slta_planning.evaluate.haproxy import DATE

MARKED = re.compile(r"\bslta1 (begin|end|start|alive) ")
TIME = re.compile(rf"{DATE}|(\d{{4}}-\d\d-\d\d[T ][\d:.]+(?:Z|[-+]\d\d:?\d\d)?)")


def slta_format(zone: tzinfo | None, types: Collection[str]) -> Format:
    """The format of these lines. `types` are the fleet's: with several an end without its begin is a bad line."""
    reader = _Reader(zone, has_types=len(types) > 1)
    clock = reader.clock
    return Format("slta1", reader.read, is_written_at_end=True, is_local=lambda: clock.is_used, begun=reader.begun)


class _Reader:
    """Reads the lines of a log in order. `begun` are the sessions without an end so far."""

    def __init__(self, zone: tzinfo | None, *, has_types: bool) -> None:
        self._zone, self._has_types, self._are_begun = zone, has_types, False
        self.clock = LocalClock(zone or UTC)
        self.begun: dict[str, Begin] = {}

    def read(self, line: str) -> Entry:
        """The session of an end line."""
        found = parse(line.encode())
        if isinstance(found, Begin):
            self.begun[found.session_id], self._are_begun = found, True
        if found == "damaged":
            raise LineError("a damaged line of slta1")
        if not isinstance(found, End):
            raise NoSessionError
        begin = self.begun.pop(found.session_id, None)
        if found.pool_id is None:
            raise NotPlacedError
        if self._has_types and self._are_begun and begin is None:
            raise LineError("no begin line of this id, which has its session_type")
        kind = begin.session_type if begin else None
        start, is_second = self._start(line, found.seconds)
        return Entry(start, found.seconds, found.pool_id, session_type=kind, key=found.session_id, is_second=is_second)

    def _start(self, line: str, seconds: float) -> tuple[float, bool]:
        if line.startswith("{"):
            return seconds_of("ts", object_of(line).get("ts"), self._zone) - seconds, False
        times = TIME.findall(line.partition("slta1 ")[0])
        if not times:
            raise LineError("no time before slta1: let the proxy write one")
        minute, second, written = times[-1]
        if minute:
            return self.clock.read(minute, float(second), seconds)
        return seconds_of("the time", written, self._zone) - seconds, False
