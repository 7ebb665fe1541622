"""Output of commands and URLs: a count, or a list of session ids."""

from __future__ import annotations

import json
import re

from slta.parsing.fields import is_name
from slta.parsing.session_ids import session_id_of

MAX_SESSIONS = 8192
"""Of one pool (docs/api.md)."""
MAX_BYTES = 4 * 1024 * 1024
"""Of an output."""


class UnreadableError(Exception):
    """Output that is not what it must be; the message says what it must be."""


def count_of(output: bytes) -> int:
    """A number up to 8,192, with white space around it at most."""
    text = output.strip()
    if not re.fullmatch(rb"[0-9]{1,9}", text) or int(text) > MAX_SESSIONS:
        raise UnreadableError(f"must write a number of sessions, at most {MAX_SESSIONS:,}")
    return int(text)


def session_ids_of(output: bytes) -> tuple[str, ...]:
    """Ids in JSON, as a list or as the member `session_ids` of an object, or one a line. Each once, at most 8,192.

    Ids that are no names are hashed as on the placement route. No output at all is an error, since it is also that of
    a pipeline whose first command failed: a pool without sessions writes `[]`.
    """
    text = output.decode(errors="surrogateescape").strip()
    if not text:
        raise UnreadableError("wrote nothing: without sessions it must write []")
    ids = dict.fromkeys(session_id_of(id_) for id_ in (_json_ids(text) if text[0] in "[{" else _lines(text)))
    if len(ids) > MAX_SESSIONS:
        raise UnreadableError(f"wrote {len(ids):,} sessions, over {MAX_SESSIONS:,}")
    return tuple(ids)


def session_types_of(output: bytes) -> dict[str, str]:
    """Types by session id: the member `session_types` of a JSON object, for ids of `session_ids_of` alone."""
    text = output.decode(errors="surrogateescape").strip()
    found = json.loads(text).get("session_types", {}) if text.startswith("{") else {}
    if not isinstance(found, dict) or not all(isinstance(kind, str) and is_name(kind) for kind in found.values()):
        raise UnreadableError("must write session_types as an object: names of session types by session id")
    ids = set(session_ids_of(output))
    return {known: kind for id_, kind in found.items() if (known := session_id_of(id_)) in ids}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _json_ids(text: str) -> list[str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableError("wrote JSON that cannot be read") from None
    ids = found.get("session_ids") if isinstance(found, dict) else found
    if not isinstance(ids, list) or not all(isinstance(id_, str) and id_ for id_ in ids):
        raise UnreadableError("must write session ids: a JSON list of texts, or one a line")
    return ids
