"""Parser of a proxy's log line: `slta1 begin <id> <pool> [type]` or `slta1 end <id> <pool> <seconds>`.

Anything may stand before it, such as a syslog header. The first `slta1` counts and the number of fields must be
exact: a value with spaces, which a client may have sent, damages its own line and cannot forge another. Of a JSON
object, in which clients cannot write a quote, the string of the field `slta1` alone is read.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from slta.parsing import NAME_PATTERN
from slta.parsing.session_ids import session_id_of

MARK = b"slta1 "
JSON_FIELD = b'"slta1":"'
ABSENT = frozenset({b"", b"-"})
"""Values that proxies write for none."""

_NAME = re.compile(NAME_PATTERN)
_SECONDS = re.compile(rb"-?[0-9]{1,9}(\.[0-9]{0,9})?|-")

SkippedKind = Literal["unknown", "damaged", "too_long", "no_pool"]
"""`unknown`: no `slta1`; `damaged`: wrong fields; `too_long`: over 64 KiB; `no_pool`: a begin without a pool."""
SKIPPED: tuple[SkippedKind, ...] = ("unknown", "damaged", "too_long", "no_pool")


class Begin(NamedTuple):
    """A session began on a pool. `session_type` is None without one."""

    session_id: str
    pool_id: str
    session_type: str | None = None


class End(NamedTuple):
    """A session ended after `seconds`; `pool_id` is None if no server was used."""

    session_id: str
    pool_id: str | None
    seconds: float


def parse(line: bytes) -> Begin | End | SkippedKind:
    """Parse a line without its line end; for others the kind under which it is counted."""
    text = line.partition(JSON_FIELD)[2].partition(b'"')[0] if line.startswith(b"{") else line
    _, mark, rest = text.partition(MARK)
    if not mark:
        return "unknown"
    match rest.rstrip(b" \r\0").split(b" "):
        case [b"begin", session, *pool_and_type] if len(pool_and_type) <= 2:
            return _begin(session, *pool_and_type)
        case [b"end", session, pool, seconds]:
            return _end(session, pool, seconds)
    return "damaged"


def _begin(session: bytes, pool: bytes = b"", session_type: bytes = b"") -> Begin | SkippedKind:
    kind = None if session_type in ABSENT else _name(session_type)
    if session in ABSENT or (kind is None and session_type not in ABSENT):
        return "damaged"
    if pool in ABSENT:
        return "no_pool"
    name = _name(pool)
    return Begin(_session_id(session), name, kind) if name else "damaged"


def _end(session: bytes, pool: bytes, seconds: bytes) -> End | SkippedKind:
    name = None if pool in ABSENT else _name(pool)
    if session in ABSENT or not _SECONDS.fullmatch(seconds) or (name is None and pool not in ABSENT):
        return "damaged"
    return End(_session_id(session), name, 0.0 if seconds == b"-" else max(0.0, float(seconds)))


def _session_id(value: bytes) -> str:
    """The id as the placement route makes it of X-Session-Id."""
    return session_id_of(value.decode(errors="surrogateescape"))


def _name(value: bytes) -> str | None:
    text = value.decode("latin-1")
    return text if _NAME.fullmatch(text) else None
