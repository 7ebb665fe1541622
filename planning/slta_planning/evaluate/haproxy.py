"""Parser of HAProxy's `option httplog` and `option tcplog` (HAProxy configuration manual, section 8.2).

Both contain `[date] frontend backend/server timers` after any syslog prefix. The timers are in ms, the last is the
total from the date on: %TR/%Tw/%Tc/%Tr/%Ta of httplog, %Tw/%Tc/%Tt of tcplog. A session is on its pool after %Tc: not
while its request is received (%TR) or it waits in a queue (%Tw, which contains the handshake of tcplog). The date is
local, without a time zone.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import tzinfo

from slta_planning.evaluate.clock import LocalClock
from slta_planning.evaluate.entries import Entry, Format, LineError, NotPlacedError, OtherBackendError

DATE = r"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d):(\d\d\.\d{3})\]"
"""Minute and second."""
LINE = re.compile(
    DATE + r" \S+ ([^\s/]+)/(\S+) ([-+\d]+(?:/[-+\d]+){2,4}) "
    r"(?:.*? (?:\d+/){4}\+?\d+ (\d+/\d+))?"  # the places in the queues of the server and the backend
)


COOKIES = re.compile(r" \S+ \S+ (\S+) (\S+) ")
"""After the timers of httplog: the captured cookies of request and response."""


def haproxy_format(zone: tzinfo, backends: Collection[str] = (), *, with_cookie: bool = False) -> Format:
    """HAProxy's format, with dates in this time zone; only lines of these backends, if any are named.

    The key is the client's address and port of httplog, or the captured cookie.
    """
    clock = LocalClock(zone)

    def parse(line: str) -> Entry:
        found = LINE.search(line)
        if found is None:
            raise LineError("not a session of option httplog or tcplog")
        minute, second, backend, server, timers, queue = found.groups()
        if backends and backend not in backends:
            raise OtherBackendError(backend)
        if server.startswith("<"):  # <NOSRV>, or one of HAProxy's own pages
            raise NotPlacedError
        before, waited, duration = _timers(timers)
        date, is_second = clock.read(minute, float(second), before + duration)
        key = _cookie(line, found.end(5)) if with_cookie else None
        if timers.count("/") == 4 and not with_cookie:
            key = line[: found.start()].rstrip().rpartition(" ")[2]
        waited = waited if queue not in (None, "0/0") else 0.0
        return Entry(date + before, duration, server, backend=backend, waited=waited, key=key, is_second=is_second)

    return Format("haproxy", parse, is_written_at_end=True, is_local=lambda: True)


def _cookie(line: str, at: int) -> str | None:
    found = COOKIES.match(line, at)
    return next((cookie for cookie in (found.groups() if found else ()) if cookie != "-"), None)


def _timers(text: str) -> tuple[float, float, float]:
    """Seconds before the pool had the connection, of these in the queue, and on the pool.

    Raises NotPlacedError if it never had.
    """
    *parts, whole = text.split("/")
    waits = parts[:3] if len(parts) == 4 else parts[-2:]
    if "-1" in waits:
        raise NotPlacedError
    if whole.startswith("+"):
        raise LineError("logged before the session ended: remove option logasap")
    if not (whole.isdigit() and all(wait.isdigit() for wait in waits)):
        raise LineError(f"no duration: the last timer is {whole}")
    before = sum(map(int, waits))
    return before / 1000, int(waits[-2]) / 1000, max(int(whole) - before, 0) / 1000
