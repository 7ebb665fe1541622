"""The table of session operations: a row and a Lua function make a new one, and a row without a function fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis import Redis

from slta.models import errors
from slta.store import Store, StoreSettings
from slta.store._outcomes import Reply
from slta.store.library import LUA_POLICIES, assemble
from slta.store.operations import OPERATIONS, SessionOperation
from tests.store.conftest import Calls
from tests.store.fleets import FLEET, TWO_CLASSES, create, spec

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


async def test_an_operation_that_reads_a_cold_field_without_loading_it_fails(
    server: str, redis: Redis, tmp_path: Path
) -> None:
    async with touching(server, tmp_path, "fleet.retention") as store:
        with pytest.raises(errors.OutcomeUnknownError):
            await touch(store)
    assert "the cold field retention was not loaded" in redis.hget(f"{{{FLEET}}}:cold", "suspect")
    redis.hset(f"{{{FLEET}}}:cold", "suspect", "")


def test_a_row_without_a_lua_function_fails_when_the_library_is_assembled() -> None:
    with pytest.raises(LookupError, match=r"no Lua function sessions.missing"):
        assemble(operations={**OPERATIONS, "missing": SessionOperation("sessions.missing")})
