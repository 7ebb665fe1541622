"""The Lua library: assembled from `lua/`, named by its digest, loaded where it is missing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

from service.core.limits import MAX_CLASSES, MAX_LEVELS, MAX_POOLS
from service.store import tables
from service.values import WINDOWS

LAYOUT = 5
"""The version of the key layout. A library leaves fleets of another one alone."""

INCARNATION_BITS = 24
"""Of an incarnation's number; as many above them are the fleet's, see `lua/incarnations.lua`."""

UNDER_REPAIR = 1_000_000
"""The layout of a fleet that is under repair, so that libraries that know no repair in slices leave it alone."""

FOLDER = resources.files(__package__) / "lua"

LUA_POLICIES: Mapping[str, Traversable] = {
    "slta": FOLDER / "slta.lua",
    "jlmu": FOLDER / "jlmu.lua",
    "slta-greedy": FOLDER / "slta_greedy.lua",
    "observe": FOLDER / "observe.lua",
}
"""The policies in Lua, a row each: the name in a fleet's configuration and the file, whose module has the file's name.
`lua/policies.lua` has the contract."""

BEFORE_POLICIES = (
    "vectors",
    "rows",
    "keys",
    "choice",
    "gather",
    "blocks",
    "state",
    "incarnations",
    "memory",
    "accounting",
    "order",
    "tokens",
)
AFTER_POLICIES = (
    "policies",
    "ledger",
    "events",
    "early",
    "leases",
    "sessions",
    "reports",
    "replay",
    "batches",
    "pools",
    "history",
    "reads",
    "columns",
    "records",
    "audit",
    "audit_fields",
    "audit_totals",
    "audit_tables",
    "audit_pools",
    "audit_records",
    "audit_keys",
    "configuration",
    "fleets",
    "repair",
    "repair_begin",
    "repair_pools",
    "repair_aside",
    "repair_orphans",
    "repair_keys",
    "repair_records",
    "repair_totals",
    "repair_survey",
    "upkeep",
    "library",
)
"""The files of `lua/` in the order they are loaded, the policies between; each but the last is a table of functions of
its name."""


class Library(NamedTuple):
    """The source that a server loads, and its digest (8 hexadecimal digits).

    The digest is part of every function's name: loading adds and never replaces, so it may be repeated at any time, and
    during a rolling upgrade each version of the dispatcher calls its own functions.
    """

    source: str
    digest: str


def assemble(policies: Mapping[str, Traversable] = LUA_POLICIES) -> Library:
    """The library with these policies, for fleets of this layout."""
    files = {name: FOLDER / f"{name}.lua" for name in BEFORE_POLICIES}
    files |= {_module(file): file for file in policies.values()}
    files |= {name: FOLDER / f"{name}.lua" for name in AFTER_POLICIES}
    bodies = [_constants(), *(file.read_text(encoding="utf-8") for file in files.values())]
    rows = ", ".join(f"['{name}'] = {_module(file)}" for name, file in policies.items())
    source = f"local constants, {', '.join(name for name in files if name != 'library')}\n"
    source += "".join(f"do\n{body}end\n" for body in bodies).replace("{} -- @POLICIES@", f"{{ {rows} }}")
    digest = hashlib.sha256(source.encode()).hexdigest()[:8]
    return Library(f"#!lua name=slta_{digest}\n" + source.replace("@DIGEST@", digest), digest)


def _module(policy: Traversable) -> str:
    return policy.name.removesuffix(".lua")


def _constants() -> str:
    """What both languages must agree on, said once in Python."""
    numbers = {
        "LAYOUT": LAYOUT,
        "INCARNATION_BITS": INCARNATION_BITS,
        "UNDER_REPAIR": UNDER_REPAIR,
        "MAX_POOLS": MAX_POOLS,
        "MAX_CLASSES": MAX_CLASSES,
        "MAX_LEVELS": MAX_LEVELS,
        "CLASS_BYTES": tables.CLASS_BYTES,
        "ORDER_BYTES": tables.CLASS_BYTES + tables.LEVEL_BYTES,
        "RANK_BYTES": tables.RANK_BYTES,
        "MARGINAL_BYTES": tables.MARGINAL_BYTES,
        "BOUND_BYTES": tables.CLASS_BYTES + tables.MARGINAL_BYTES,
    }
    lines = [f"  {name} = {value},\n" for name, value in numbers.items()]
    lines.append(f"  WINDOWS = {{ {', '.join(map(str, WINDOWS))} }},\n")
    return f"constants = {{\n{''.join(lines)}}}\n"
