"""Parser of a proxy's log line, such as `slta1 begin <id> <pool> [type] [instance]` (docs/follow.md).

Anything may stand before it, such as a syslog header. The first `slta1` counts and the number of fields must be
exact: a value with spaces, which a client may have sent, damages its own line and cannot forge another. Of a JSON
object, in which clients cannot write a bare quote, the string of the last field `slta1` alone is read: half an object
may stand before it.
"""

from __future__ import annotations

import json
import re
from typing import Literal, NamedTuple

from slta.parsing import NAME_PATTERN
from slta.parsing.session_ids import session_id_of

MARK = b"slta1 "
_JSON_FIELD = re.compile(rb'"slta1":("(?:[^"\\]|\\.)*")')
ABSENT = frozenset({b"", b"-"})
"""Values that proxies write for none."""

_NAME = re.compile(NAME_PATTERN)
_SECONDS = re.compile(rb"-?[0-9]{1,9}(\.[0-9]{0,9})?|-")

SkippedKind = Literal["unknown", "damaged", "too_long", "no_pool"]
"""`unknown`: no `slta1`; `damaged`: wrong fields; `too_long`: over 64 KiB; `no_pool`: a begin without a pool."""
SKIPPED: tuple[SkippedKind, ...] = ("unknown", "damaged", "too_long", "no_pool")


class Begin(NamedTuple):
    """A session began on a pool. `session_type` and `instance`, the proxy's, are None without one."""

    session_id: str
    pool_id: str
    session_type: str | None = None
    instance: str | None = None


class End(NamedTuple):
    """A session ended after `seconds`; `pool_id` is None if no server was used."""

    session_id: str
    pool_id: str | None
    seconds: float


class Start(NamedTuple):
    """The instance `<proxy>:<process>` lives, and no process of an earlier one of that proxy is left."""

    instance: str


class Alive(NamedTuple):
    """The instance lives; those before it may."""

    instance: str


def parse(line: bytes) -> Begin | End | Start | Alive | SkippedKind:
    """Parse a line without its line end; for others the kind under which it is counted."""
    _, mark, rest = (_json_text(line) if line.startswith(b"{") else line).partition(MARK)
    if not mark:
        return "unknown"
    match rest.rstrip(b" \r\0").split(b" "):
        case [b"begin", session, *fields] if len(fields) <= 3:
            return _begin(session, *fields)
        case [b"end", session, pool, seconds]:
            return _end(session, pool, seconds)
        case [b"start" | b"alive" as kind, instance] if name := _name(instance):
            return Start(name) if kind == b"start" else Alive(name)
    return "damaged"


def _json_text(line: bytes) -> bytes:
    """What the field's string says; empty without one. A broken escape leaves none to read."""
    fields = _JSON_FIELD.findall(line)
    try:
        text: str = json.loads(fields[-1].decode(errors="surrogateescape"), strict=False) if fields else ""
        return text.encode(errors="surrogateescape")
    except ValueError:
        return MARK


def _begin(session: bytes, *fields: bytes) -> Begin | SkippedKind:
    pool, *options = [None if field in ABSENT else _name(field) for field in fields] or [None]
    if session in ABSENT or any(_name(field) is None for field in fields if field not in ABSENT):
        return "damaged"
    return Begin(_session_id(session), pool, *options) if pool else "no_pool"


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
