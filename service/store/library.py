"""The Lua library: assembled from `lua/`, named by its digest, loaded where it is missing."""

from __future__ import annotations

import hashlib
from importlib import resources

MODULES = (
    "rows",
    "state",
    "accounting",
    "order",
    "slta",
    "jlmu",
    "ledger",
    "sessions",
    "pools",
    "history",
    "reads",
    "configure",
    "library",
)
"""The files of `lua/` in the order they are loaded; each but the last is a table of functions of its name."""

SCHEMA = 1
"""Version of the key layout. It is part of the library's name, so that dispatchers of two layouts never mix."""


def assemble() -> tuple[str, str]:
    """The library's source and its digest (8 hexadecimal digits).

    The digest is part of every function's name: loading adds and never replaces, so it may be repeated at any
    time, and during a rolling upgrade each version of the dispatcher calls its own functions.
    """
    folder = resources.files(__package__) / "lua"
    bodies = [(folder / f"{name}.lua").read_text(encoding="utf-8") for name in MODULES]
    source = f"local {', '.join(MODULES[:-1])}\n" + "".join(f"do\n{body}end\n" for body in bodies)
    digest = hashlib.sha256(f"{SCHEMA}\n{source}".encode()).hexdigest()[:8]
    return f"#!lua name=slta_{digest}\n" + source.replace("@DIGEST@", digest), digest
