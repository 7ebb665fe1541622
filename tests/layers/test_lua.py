"""The Lua library is built in layers, and the check of that sees an arrow up, a circle, a hidden name and an alias."""

from __future__ import annotations

import pytest

from tests.layers.lua import faults, sources


def planted(name: str, words: str) -> list[str]:
    layer, code = (files := sources())[name]
    return list(faults(files | {name: (layer, code + words)}))


def test_no_file_of_lua_uses_a_higher_layer_or_itself_through_others() -> None:
    assert list(faults(sources())) == []


def test_a_planted_arrow_up_is_named() -> None:
    found = planted("keys", "local f = ticks.upkeep")

    assert found[0] == "state/keys uses fleets/ticks, which is above it"
    assert found[1].startswith("circle: ")


@pytest.mark.parametrize(
    "words", ["local types, one = 1, 2", "local function f(one, types) end", "for types in one do end"]
)
def test_a_local_name_that_hides_a_file_is_named(words: str) -> None:
    assert "state/keys hides types by a local name" in planted("keys", words)


@pytest.mark.parametrize("words", ["local t = ticks", "local f = ticks[name]", "(ticks).upkeep()", "f(ticks)"])
def test_a_file_that_is_used_as_a_value_is_named(words: str) -> None:
    assert planted("keys", words) == ["state/keys uses ticks without a field"]


def test_a_field_that_no_file_defines_is_named() -> None:
    assert planted("ticks", "local f = keys.nowhere") == ["fleets/ticks uses keys.nowhere, which does not exist"]
