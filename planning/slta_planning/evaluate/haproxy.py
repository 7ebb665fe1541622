"""Parser of HAProxy's `option httplog` and `option tcplog` (HAProxy configuration manual, section 8.2).

Both contain `[accept_date] frontend backend/server timers` after any syslog prefix. The last timer is the total time
in ms: %Ta of httplog, %Tt of tcplog. The date is local, without a time zone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import datetime, tzinfo

from slta_planning.evaluate.entries import Entry, Format, LineError, NotPlacedError, OtherBackendError

LINE = re.compile(
    r"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d):(\d\d\.\d{3})\] \S+ ([^\s/]+)/(\S+) ([-+\d]+(?:/[-+\d]+){2,4}) "
)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def haproxy_format(zone: tzinfo, backends: Collection[str] = ()) -> Format:
    """HAProxy's format, with dates in this time zone; only lines of these backends, if any are named."""
    minute_of = _minutes(zone)

    def parse(line: str) -> Entry:
        found = LINE.search(line)
        if found is None:
            raise LineError("not a session of option httplog or tcplog")
        minute, second, backend, server, timers = found.groups()
        if backends and backend not in backends:
            raise OtherBackendError(backend)
        if server.startswith("<"):  # <NOSRV>, or one of HAProxy's own pages
            raise NotPlacedError
        return Entry(minute_of(minute) + float(second), _duration(timers), server, backend=backend)

    return Format("haproxy", parse, is_written_at_end=True)


def _duration(timers: str) -> float:
    whole = timers.rpartition("/")[2]
    if whole.startswith("+"):
        raise LineError("logged before the session ended: remove option logasap")
    if not whole.isdigit():
        raise LineError(f"no duration: the last timer is {whole}")
    return int(whole) / 1000


def _minutes(zone: tzinfo) -> Callable[[str], float]:
    """Parser of dates to the minute, as seconds since 1970; caches the last, as most lines repeat it."""
    kept: dict[str, float] = {}

    def seconds(text: str) -> float:
        if text not in kept:
            kept.clear()
            kept[text] = _timestamp(text, zone)
        return kept[text]

    return seconds


def _timestamp(text: str, zone: tzinfo) -> float:
    day, month, rest = text.split("/")
    year, hour, minute = map(int, rest.split(":"))
    try:
        return datetime(year, MONTHS.index(month) + 1, int(day), hour, minute, tzinfo=zone).timestamp()
    except ValueError:
        raise LineError(f"invalid date: {text}") from None
