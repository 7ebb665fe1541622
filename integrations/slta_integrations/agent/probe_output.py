"""Output of commands and URLs: a count, or a list of sessions."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from slta.parsing.fields import is_name
from slta.parsing.session_ids import session_id_of

MAX_SESSIONS = 8192
"""Of one pool (docs/api.md)."""
MAX_QUALITY = 10**9
MAX_BYTES = 4 * 1024 * 1024
"""Of an output."""


class ProbeError(Exception):
    """A command or URL failed, or its output is not what it must be; the message says why."""


def count_of(output: bytes) -> Mapping[str, float]:
    """`count`, up to 8,192: the output, or a member of a JSON object, which may have its `quality` up to 10⁹ beside."""
    try:
        found = json.loads(output)
    except ValueError:
        found = None
    members = found if isinstance(found, dict) else {"count": found}
    count, quality = members.get("count"), members.get("quality")
    is_measured = isinstance(quality, int | float) and 0 <= quality <= MAX_QUALITY
    if type(count) is not int or not 0 <= count <= MAX_SESSIONS or not (is_measured or quality is None):
        raise ProbeError(f"must write a number of sessions, at most {MAX_SESSIONS:,}")
    return {"count": count} | ({} if quality is None else {"quality": quality})


def listing_of(output: bytes) -> Mapping[str, Any]:
    """`session_ids`, and `session_types` if there are any. Raises ProbeError, or what JSON that cannot be read raises.

    Ids are in JSON, as a list or as the member `session_ids` of an object, or one a line. Each once, at most 8,192.
    Types are the member `session_types` of the object, by id; those of ids that are not listed are left out. Ids that
    are no names are hashed as on the placement route. No output at all is an error, since it is also that of a
    pipeline whose first command failed: a pool without sessions writes `[]`.
    """
    text = output.decode(errors="surrogateescape").strip()
    if not text:
        raise ProbeError("wrote nothing: without sessions it must write []")
    found = json.loads(text) if text[0] in "[{" else [line.strip() for line in text.splitlines() if line.strip()]
    ids, types = (found.get("session_ids"), found.get("session_types", {})) if isinstance(found, dict) else (found, {})
    listed = _ids(ids)
    found = {"session_ids": tuple(listed), "session_types": _types(types, listed)}
    return {name: value for name, value in found.items() if value or name == "session_ids"}


def _ids(found: Any) -> dict[str, None]:  # noqa: ANN401 - any JSON value
    """The ids in order, each once."""
    if not isinstance(found, list) or not all(isinstance(id_, str) and id_ for id_ in found):
        raise ProbeError("must write session ids: a JSON list of texts, or one a line")
    ids = dict.fromkeys(map(session_id_of, found))
    if len(ids) > MAX_SESSIONS:
        raise ProbeError(f"wrote {len(ids):,} sessions, over {MAX_SESSIONS:,}")
    return ids


def _types(found: Any, ids: Collection[str]) -> dict[str, str]:  # noqa: ANN401 - any JSON value
    if not isinstance(found, dict) or not all(isinstance(kind, str) and is_name(kind) for kind in found.values()):
        raise ProbeError("must write session_types as an object: names of session types by session id")
    return {known: kind for id_, kind in found.items() if (known := session_id_of(id_)) in ids}
