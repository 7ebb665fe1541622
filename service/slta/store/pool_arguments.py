"""Arguments of Lua functions that change pools."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import NamedTuple

from slta.models import MICROSECONDS, UNCHANGED, Drain, PoolSpec, Unchanged


def attribute_word(attribute: str | Mapping[str, str] | Unchanged | None) -> str:
    """'' leaves an attribute as it is, ' ' removes it."""
    if attribute is UNCHANGED:
        return ""
    if not attribute:
        return " "
    return attribute if isinstance(attribute, str) else json.dumps(attribute, sort_keys=True)


class PoolArguments(NamedTuple):
    """Arguments of a pool, a row of `add_pools` or those of `move_pool`."""

    pool_id: str
    pool_class: str
    address: str
    labels: str


def arguments_of(pool: PoolSpec) -> PoolArguments:
    """Arguments of a pool, with attributes as `lua/state/attributes.lua` takes them."""
    return PoolArguments(pool.pool_id, pool.pool_class, attribute_word(pool.address), attribute_word(pool.labels))


def quota_word(patterns: Collection[str] | None, most: int | None) -> str:
    """Argument of `lua/pools/pool_patterns.lua`: at most `most` pools (None: 0) of these patterns; '' for None."""
    return "" if patterns is None else f"{most or 0} {','.join(sorted(patterns))}"


def deadline_word(drain: Drain | None) -> str:
    """The argument of `lua/pools/transitions.lua`, '' without a deadline."""
    return f"{round(drain.deadline_seconds * MICROSECONDS)} {drain.then}" if drain else ""
