"""The table of session operations: a row and a Lua function make a new one, and a row without a function fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from slta.store import Store, StoreSettings
from slta.store.library import LUA_POLICIES, assemble
from slta.store.operations import OPERATIONS, SessionOperation
from tests.store.conftest import Calls
from tests.store.fleets import FLEET, TWO_CLASSES, create, spec

TOUCH = """
touch = { TOKENS = {}, CLASS_ROWS = {}, FLEET_ROWS = {}, NUMBERS = {}, VECTORS = {} }
function touch.session(_, id)
  return { 'TOUCHED', id }
end
"""


async def test_a_row_and_a_lua_function_make_an_operation(server: str, tmp_path: Path) -> None:
    (tmp_path / "touch.lua").write_text(TOUCH)
    operations = {**OPERATIONS, "touch": SessionOperation("touch.session")}
    store = Store(
        StoreSettings(server), Calls(), library=assemble({**LUA_POLICIES, "touch": tmp_path / "touch.lua"}, operations)
    )
    await create(store, spec(*TWO_CLASSES), {"small": 1})
    assert await store._operations.submit(FLEET, ("touch", "s-1", "", "", "")) == ["TOUCHED", "s-1"]
    await store.close()


def test_a_row_without_a_lua_function_fails_when_the_library_is_assembled() -> None:
    with pytest.raises(LookupError, match=r"no Lua function sessions.missing"):
        assemble(operations={**OPERATIONS, "missing": SessionOperation("sessions.missing")})
