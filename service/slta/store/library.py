"""Lua library: assembled from `lua/`, named by its digest, loaded on servers that lack it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

from slta.core.limits import MAX_CLASSES, MAX_LEVELS, MAX_POOLS
from slta.models import WINDOWS
from slta.store import encoding
from slta.store.operations import (
    CONFIGURATION_FIELDS,
    FACT_WORDS,
    FACTS,
    OPERATION_WORDS,
    OPERATIONS,
    PUT_ARGUMENTS,
    SessionOperation,
    lua_table,
)

LAYOUT = 5
"""Version of the key layout. A library rejects fleets of another version."""

INCARNATION_BITS = 24
"""Low bits of an incarnation, its number; the bits above identify the fleet, see `lua/incarnations.lua`."""

UNDER_REPAIR = 1_000_000
"""Layout of a fleet under repair, which every other function rejects."""

FOLDER = resources.files(__package__) / "lua"

LUA_POLICIES: Mapping[str, Traversable] = {
    "slta": FOLDER / "policies" / "slta.lua",
    "jlmu": FOLDER / "policies" / "jlmu.lua",
    "slta-greedy": FOLDER / "policies" / "slta_greedy.lua",
    "observe": FOLDER / "policies" / "observe.lua",
}
"""Policies: name in a fleet's configuration, and Lua file, which defines a module of its name. The contract is in
`lua/policies/policies.lua`."""

BEFORE_POLICIES = (
    "state/vectors",
    "ledger/rows",
    "state/keys",
    "policies/choice",
    "state/write_buffer",
    "state/codec",
    "state/state",
    "incarnations",
    "state/cache",
    "ledger/accounting",
    "ledger/order",
    "policies/tokens",
)
AFTER_POLICIES = (
    "policies/policies",
    "ledger/ledger",
    "events",
    "tombstones",
    "leases",
    "sessions",
    "reports",
    "replay",
    "batches",
    "pools",
    "history",
    "reads",
    "integrity/bit_blocks",
    "state/records",
    "integrity/audit",
    "integrity/audit_fields",
    "integrity/audit_totals",
    "integrity/audit_tables",
    "integrity/audit_pools",
    "integrity/audit_records",
    "integrity/audit_keys",
    "configuration",
    "fleets",
    "integrity/repair",
    "integrity/repair_begin",
    "integrity/repair_pools",
    "integrity/repair_aside",
    "integrity/repair_orphans",
    "integrity/repair_keys",
    "integrity/repair_records",
    "integrity/repair_totals",
    "integrity/repair_survey",
    "upkeep",
    "library",
)
"""Files of `lua/` in load order, with the policies in between. Each but the last defines a table of functions of its
name."""


def layout_mismatch(fleet: str, layout: int) -> str:
    """Why this version cannot use a fleet of another layout, in one line."""
    reason = f"fleet {fleet} is stored in layout {layout}, and this version uses layout {LAYOUT}: "
    if layout < LAYOUT:
        return reason + "it was written by an unreleased version: delete the data directory or volume"
    return reason + "it was written by a newer version: upgrade this dispatcher"


class Library(NamedTuple):
    """Source and digest (8 hexadecimal digits).

    The digest is part of every function's name. Loading therefore never replaces a function: it is idempotent, and in a
    rolling upgrade each version of the dispatcher calls its own functions.
    """

    source: str
    digest: str


def assemble(
    policies: Mapping[str, Traversable] = LUA_POLICIES, operations: Mapping[str, SessionOperation] = OPERATIONS
) -> Library:
    """Assemble the library with these policies and operations. LookupError for an operation without a function."""
    files = {name.rpartition("/")[2]: FOLDER / f"{name}.lua" for name in BEFORE_POLICIES}
    files |= {_module(file): file for file in policies.values()}
    files |= {name.rpartition("/")[2]: FOLDER / f"{name}.lua" for name in AFTER_POLICIES}
    bodies = [_constants(), *(file.read_text(encoding="utf-8") for file in files.values())]
    rows = ", ".join(f"['{name}'] = {_module(file)}" for name, file in policies.items())
    source = f"local constants, {', '.join(name for name in files if name != 'library')}\n"
    source += "".join(f"do\n{body}end\n" for body in bodies).replace("{} -- @POLICIES@", f"{{ {rows} }}")
    for marker, table, first, words in (
        ("OPERATIONS", operations, 2, OPERATION_WORDS),
        ("FACTS", FACTS, 3, FACT_WORDS),
    ):
        missing = [row.function for row in table.values() if f"function {row.function}(" not in source]
        if missing:
            raise LookupError(f"no Lua function {', '.join(missing)}")
        source = source.replace(f"{{}} -- @{marker}@", lua_table(table, first, words))
    digest = hashlib.sha256(source.encode()).hexdigest()[:8]
    return Library(f"#!lua name=slta_{digest}\n" + source.replace("@DIGEST@", digest), digest)


def _module(policy: Traversable) -> str:
    return policy.name.removesuffix(".lua")


def _constants() -> str:
    """Lua source of the constants shared with Python."""
    numbers = {
        "LAYOUT": LAYOUT,
        "INCARNATION_BITS": INCARNATION_BITS,
        "UNDER_REPAIR": UNDER_REPAIR,
        "MAX_POOLS": MAX_POOLS,
        "MAX_CLASSES": MAX_CLASSES,
        "MAX_LEVELS": MAX_LEVELS,
        "CLASS_BYTES": encoding.CLASS_BYTES,
        "ORDER_BYTES": encoding.CLASS_BYTES + encoding.LEVEL_BYTES,
        "RANK_BYTES": encoding.RANK_BYTES,
        "MARGINAL_BYTES": encoding.MARGINAL_BYTES,
        "BOUND_BYTES": encoding.CLASS_BYTES + encoding.MARGINAL_BYTES,
    }
    lines = [f"  {name} = {value},\n" for name, value in numbers.items()]
    lists = {
        "WINDOWS": WINDOWS,
        "CONFIGURATION_FIELDS": map(repr, CONFIGURATION_FIELDS),
        "PUT_ARGUMENTS": map(repr, PUT_ARGUMENTS),
    }
    lines += [f"  {name} = {{ {', '.join(map(str, values))} }},\n" for name, values in lists.items()]
    return f"constants = {{\n{''.join(lines)}}}\n"
