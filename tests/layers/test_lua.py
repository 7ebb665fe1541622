"""The Lua library is built in layers, and the check of that sees an arrow up, a circle and a hidden name."""

from __future__ import annotations

from tests.layers.lua import faults, sources


def test_no_file_of_lua_uses_a_higher_layer_or_itself_through_others() -> None:
    assert list(faults(sources())) == []


def test_a_planted_arrow_up_is_named() -> None:
    layer, code = (files := sources())["keys"]

    found = list(faults(files | {"keys": (layer, code + "local f = ticks.upkeep")}))

    assert found[0] == "state/keys uses fleets/ticks, which is above it"
    assert found[1].startswith("circle: ")


def test_a_call_of_the_policies_counts_as_a_use_of_each() -> None:
    layer, code = (files := sources())["jlmu"]

    found = list(faults(files | {"jlmu": (layer, code + "policies.call(fleet, 'confirm')")}))

    assert [text.partition(":")[0] for text in found] == ["circle"]


def test_a_local_name_that_hides_a_file_is_named() -> None:
    layer, code = (files := sources())["keys"]

    found = list(faults(files | {"keys": (layer, code + "local rows, one = 1, 2")}))

    assert found == ["state/keys hides rows by a local name"]


def test_a_field_that_no_file_defines_is_named() -> None:
    layer, code = (files := sources())["ticks"]

    found = list(faults(files | {"ticks": (layer, code + "local f = keys.nowhere")}))

    assert found == ["fleets/ticks uses keys.nowhere, which does not exist"]
