"""Lua library: assembled from `lua/`, named by its digest, loaded on servers that lack it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

from slta.core.differences import ONE_IN
from slta.core.limits import MAX_CLASSES, MAX_LEVELS, MAX_POOLS
from slta.models import WINDOWS
from slta.store import _encoding
from slta.store.operations import (
    FLEET_KEYS,
    OPERATION_WORDS,
    OPERATIONS,
    SessionOperation,
    lua_preludes,
    lua_table,
)

LAYOUT = 1
"""Version of the key layout. A library rejects fleets of another version."""

INCARNATION_BITS = 24
"""Low bits of an incarnation, its number; the bits above identify the fleet, see `lua/state/incarnations.lua`."""

FOLDER = resources.files(__package__) / "lua"

LUA_POLICIES: Mapping[str, Traversable] = {
    "slta": FOLDER / "policies" / "slta.lua",
    "jlmu": FOLDER / "policies" / "jlmu.lua",
    "slta-greedy": FOLDER / "policies" / "slta_greedy.lua",
    "observe": FOLDER / "policies" / "observe.lua",
}
"""Policies: name in a fleet's configuration, and Lua file, which defines a module of its name. The contract is in
`lua/policies/policies.lua`."""

LAYERS = ("state", "policies", "sessions", "pools", "fleets", "rebuild", "library")
"""Folders of `lua`, from below: a file uses its own folder and lower ones. The library is loaded in this order."""
FIRST = ("policies/occupancies", "policies/bits")
"""Files whose functions the policies use while the library loads; the policies follow."""


def layout_mismatch(fleet: str, layout: int) -> str:
    """Why this version cannot use a fleet of another layout, in one line."""
    return (
        f"fleet {fleet} is stored in layout {layout}, and this version uses layout {LAYOUT}: "
        "use the version that wrote it, or delete its data"
    )


class Library(NamedTuple):
    """Source and digest (8 hexadecimal digits).

    The digest is part of every function's name. Loading therefore never replaces a function: it is idempotent, and in a
    rolling upgrade each version of the dispatcher calls its own functions.
    """

    source: str
    digest: str


@cache
def own_library() -> Library:
    """The library of this version, assembled once in a process."""
    return assemble()


def assemble(
    policies: Mapping[str, Traversable] = LUA_POLICIES, operations: Mapping[str, SessionOperation] = OPERATIONS
) -> Library:
    """Assemble the library with these policies and operations. LookupError for an operation without a function."""
    before = [FOLDER / f"{name}.lua" for name in FIRST]
    others = [file for file in _all_files(FOLDER, LAYERS) if file not in (*before, *LUA_POLICIES.values())]
    files = [*before, *policies.values(), *others]
    bodies = [_constants(), *(file.read_text(encoding="utf-8") for file in files)]
    rows = ", ".join(f"['{name}'] = {_module(file)}" for name, file in policies.items())
    source = f"local constants, {', '.join(map(_module, files[:-1]))}\n"
    source += "".join(f"do\n{body}end\n" for body in bodies).replace("{} -- @POLICIES@", f"{{ {rows} }}")
    missing = [row.function for row in operations.values() if f"function {row.function}(" not in source]
    if missing:
        raise LookupError(f"no Lua function {', '.join(missing)}")
    source = source.replace("{} -- @OPERATIONS@", lua_table(operations, "batch", OPERATION_WORDS))
    digest = hashlib.sha256(source.encode()).hexdigest()[:8]
    return Library(f"#!lua name=slta_{digest}\n" + source.replace("@DIGEST@", digest), digest)


def _all_files(folder: Traversable, layers: Sequence[str]) -> Iterator[Traversable]:
    """The files in order. Each but `library` defines a table of functions of its name."""
    for layer in layers:
        if (folder / layer).is_dir():
            files = [entry for entry in (folder / layer).iterdir() if entry.name.endswith(".lua")]
            yield from sorted(files, key=lambda entry: entry.name)


def _module(file: Traversable) -> str:
    return file.name.removesuffix(".lua")


def _constants() -> str:
    """Lua source of the constants shared with Python."""
    numbers = {
        "LAYOUT": LAYOUT,
        "INCARNATION_BITS": INCARNATION_BITS,
        "MAX_POOLS": MAX_POOLS,
        "MAX_CLASSES": MAX_CLASSES,
        "MAX_LEVELS": MAX_LEVELS,
        "DRAWN_ONE_IN": ONE_IN,
        "CLASS_BYTES": _encoding.CLASS_BYTES,
    }
    lists = {"WINDOWS": WINDOWS, "FLEET_KEYS": FLEET_KEYS}
    lines = [f"  {name} = {value},\n" for name, value in numbers.items()]
    lines.append(f"  PRELUDES = {lua_preludes()},\n")
    lines += [f"  {name} = {{ {', '.join(map(repr, values))} }},\n" for name, values in lists.items()]
    widths = (f"{name} = {width}" for name, width in _encoding.TABLE_BYTES.items())
    lines.append(f"  BYTES = {{ {', '.join(widths)} }},\n")
    return f"constants = {{\n{''.join(lines)}}}\n"
