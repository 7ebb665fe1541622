"""Session ids that a proxy passes on: any text becomes a name."""

from __future__ import annotations

import hashlib
import re

from slta.parsing.fields import NAME_PATTERN

_is_name = re.compile(NAME_PATTERN.removesuffix("$") + r"\Z").match


def session_id_of(text: str) -> str:
    """The text itself if it is a name (`NAME_RULE`), otherwise its SHA-256 in lower-case hex, 64 characters.

    `text` is not empty; it is hashed as bytes of UTF-8. Decode bytes that may be something else with
    `errors="surrogateescape"`, so that they are hashed as they are.
    """
    if _is_name(text):
        return text
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
