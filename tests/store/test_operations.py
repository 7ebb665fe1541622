"""The table of session operations: a row and a Lua function make a new one, and a row without a function fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest

from slta.core.policies import POLICIES
from slta.core.utility import LogShareUtility
from slta.store import Store, StoreSettings
from slta.store._outcomes import Reply
from slta.store.library import LUA_POLICIES, assemble
from slta.store.operations import OPERATIONS, SessionOperation
from testbed.servers import TextRedis
from tests import rawstate
from tests.store.conftest import Calls
from tests.store.fleets import FLEET, TWO_CLASSES, create, pool_class, spec

TOUCH = """
touch = {{ TOKENS = {{}}, CLASS_ROWS = {{}}, FLEET_ROWS = {{}}, NUMBERS = {{}}, VECTORS = {{}} }}
function touch.session(fleet, id)
  return {{ 'TOUCHED', {value} }}
end
"""


@asynccontextmanager
async def touching(server: str, folder: Path, value: str) -> AsyncIterator[Store]:
    """A store with an operation `touch` that returns a value in Lua, and a fleet."""
    (folder / "touch.lua").write_text(TOUCH.format(value=value))
    operations = {**OPERATIONS, "touch": SessionOperation("touch.session")}
    library = assemble({**LUA_POLICIES, "touch": folder / "touch.lua"}, operations)
    store = Store(StoreSettings(server), Calls(), library=library)
    try:
        await create(store, spec(*TWO_CLASSES), {"small": 1})
        yield store
    finally:
        await store.close()


async def touch(store: Store) -> Reply:
    return await store._operations.submit(FLEET, ("touch", "s-1", "", "", ""))


@pytest.mark.usefixtures("redis")
async def test_a_row_and_a_lua_function_make_an_operation(server: str, tmp_path: Path) -> None:
    async with touching(server, tmp_path, "id") as store:
        assert await touch(store) == ["TOUCHED", "s-1"]


def test_a_row_without_a_lua_function_fails_when_the_library_is_assembled() -> None:
    with pytest.raises(LookupError, match=r"no Lua function sessions.missing"):
        assemble(operations={**OPERATIONS, "missing": SessionOperation("sessions.missing")})


CURVED = [pool_class(f"c{k}", LogShareUtility(Fraction(20 + 3 * k)), 6) for k in range(3)]
OWN = {"now", "incarnation", "incarnations", "revision", "tables"}
"""Fields that differ between two fleets that went through the same."""


def contents(redis: TextRedis, fleet: str) -> dict[str, object]:
    """The fleet's fields, and its other keys without order."""
    read = {
        "string": redis.get,
        "hash": redis.hgetall,
        "set": redis.smembers,
        "zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
    }
    found: dict[str, object] = {k: v for k, v in rawstate.fields(redis, fleet).items() if k not in OWN}
    for key in redis.keys(f"{{{fleet}}}:*"):
        name = key.partition(":")[2]
        if name not in {"fleet", "events"}:
            found[name] = read[redis.type(key)](key)
    return found


def drawn(rng: Random, step: int) -> list[str]:
    """An operation on one of 300 sessions, more often an assign; by their draws, all count in the differences."""
    kind, draw = (
        rng.choice(("assign", "assign", "assign", "complete", "renew", "report")),
        repr(rng.getrandbits(49) / 2**49),
    )
    words = {"complete": ("", "", ""), "renew": ("9000000", "", ""), "report": ("", draw, f"c1-{step}")}
    return [kind, f"s{rng.randrange(300)}", *words.get(kind, ("", draw, ""))]


@pytest.mark.parametrize("large", [2, 400])
@pytest.mark.parametrize("policy", POLICIES)
async def test_a_batch_does_what_single_calls_do(store: Store, redis: TextRedis, policy: str, large: int) -> None:
    rng, function, now = Random(1), f"slta_{assemble().digest}_batch", 10**15
    for fleet in ("whole", "parts"):
        await create(store, spec(*CURVED, policy=policy, lease=5), {"c0": 3, "c1": 9, "c2": large}, fleet)
    for step in range(6):
        now += rng.choice((0, 1_000_000, 4_000_000))
        batch = [drawn(rng, step) for _ in range(32)]
        whole = redis.fcall(function, 1, "{whole}:fleet", now, *(word for words in batch for word in words))
        parts = [redis.fcall(function, 1, "{parts}:fleet", now, *words) for words in batch]
        assert whole[1] == [part[1][0] for part in parts]
    assert contents(redis, "whole") == contents(redis, "parts")
