"""Session ids that a proxy passes on: any text becomes a name."""

from __future__ import annotations

import hashlib

from slta.parsing.fields import is_name


def session_id_of(text: str) -> str:
    """The text itself if it is a name (`NAME_RULE`), otherwise its SHA-256 in lower-case hex, 64 characters.

    `text` is not empty; it is hashed as bytes of UTF-8. Decode bytes that may be something else with
    `errors="surrogateescape"`, so that they are hashed as they are. Other lone surrogates, which JSON can write, are
    hashed as three bytes each.
    """
    if is_name(text):
        return text
    try:
        sent = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        sent = text.encode(errors="surrogatepass")
    return hashlib.sha256(sent).hexdigest()
