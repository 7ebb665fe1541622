"""docs/architecture.md has the same rooms as the import contract, and as the folders."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from service.api.operations import SLICE
from service.core.limits import MAX_CAPACITY, MAX_CLASSES, MAX_LEVELS, MAX_POOLS
from service.core.policies import POLICIES
from service.store.batching import LARGEST_BATCH
from service.store.connection import StoreSettings
from service.store.fleets import TICK_CALLS
from service.store.pools import POOLS_PER_CALL, SESSIONS_PER_CALL
from tests import rawstate
from tests.core.policies import test_agreement as agreement
from tests.docs.pages import ROOT, Page, alternatives, constant_in_lua, rows, words
from tests.servers import SERVERS
from tests.store import test_decisions as decisions

PAGE = Page(ROOT / "docs/architecture.md")
PROSE = " ".join(PAGE.prose.split())
ROOMS = PAGE.section("Rooms")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
FOLDERS = ("service", "loadgen", "demo", "experiments", "planning")


def floors() -> list[list[str]]:
    return [words(first) for first, *rest in rows(ROOMS) if len(rest) == 1]


def contract(name: str) -> dict[str, Any]:
    return next(one for one in CONTRACTS if one["id"] == name)


def test_the_floors_are_those_of_the_import_contract() -> None:
    assert floors() == [layer.split(" | ") for layer in contract("rooms")["layers"]]


def test_every_room_is_a_folder_or_a_module_and_the_other_way_round() -> None:
    modules = {path.stem for path in (ROOT / "service").glob("*.py")} - {"__init__"}
    folders = {path.parent.name for path in (ROOT / "service").glob("*/__init__.py")}
    assert {room for floor in floors() for room in floor} == modules | folders


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_a_folder_never_imports_is_what_the_contracts_forbid_it(folder: str) -> None:
    forbidden = {
        module
        for one in CONTRACTS
        if one["type"] == "forbidden" and one["source_modules"] == [folder]
        for module in one["forbidden_modules"]
        if module.split(".")[0] in FOLDERS
    }
    (row,) = (row for row in rows(ROOMS) if len(row) == 3 and words(row[0]) == [folder])
    assert {module for word in words(row[2]) for module in alternatives(word)} == forbidden


def test_the_fields_of_the_packed_state_are_those_that_the_audit_unpacks() -> None:
    (block,) = PAGE.blocks("text")
    named = {name: fields.split() for name, fields in re.findall(r"^([\w-]+)((?: .*\n)+)", block, re.MULTILINE)}
    policies = {name: fields.split() for name, fields in rawstate.POLICY_BLOCKS.items() if name in POLICIES}
    assert named == {"fleet": rawstate.FLEET_BLOCK.split(), **policies}


# Figures


def test_so_many_random_operations_are_compared() -> None:
    with_lua = len(POLICIES) * decisions.FLEETS * decisions.OPERATIONS * len(SERVERS)
    with_naive = len(POLICIES) * agreement.FLEETS * agreement.OPERATIONS
    all_three = len(POLICIES) * decisions.FLEETS_WITH_NAIVE * decisions.OPERATIONS_WITH_NAIVE
    assert f"compares the Lua with the specification over {with_lua:,} random operations" in PROSE
    assert f"the specification with the third over {with_naive:,}" in PROSE
    assert f"all three side by side over {all_three:,} on each server" in PROSE


@pytest.mark.parametrize(
    "sentence",
    [
        f"but by {constant_in_lua('accounting', 'accounting.MAX_STEP') / 1e6:g} s at most",
        f"After such a gap no lease ends for {constant_in_lua('accounting', 'accounting.HOLD') / 1e6:g} s",
        f"For {constant_in_lua('accounting', 'accounting.HOLD') / 1e6:g} s after a gap none is ended",
        f"Each of these ends at most {constant_in_lua('leases', 'REAP'):g} sessions",
        f"remembered for {constant_in_lua('early', 'KEPT') / 1e6:g} s",
        f"a fleet keeps at most {constant_in_lua('early', 'MOST'):,.0f}",
        f"looks through at most {constant_in_lua('leases', 'REAP_SECONDS'):,.0f} seconds of fleet time",
        f"while leases are left, {TICK_CALLS:,} times at most",
        f"is bounded by {constant_in_lua('memory', 'MOST_LEVELS'):,.0f} levels",
        f"BITCOUNT halves the row until {constant_in_lua('rows', 'rows.SPAN'):g} bytes are left",
        f"with the next call: at most {LARGEST_BATCH}, in order",
        f"until {StoreSettings('').deadline_seconds} s have passed",
        f"missing pools are created, {'a thousand' if POOLS_PER_CALL == 1000 else POOLS_PER_CALL} at a time",
        f"they end, {SESSIONS_PER_CALL} at a time",
        f"**operations**: up to {SLICE} in each step",
        f"at most {MAX_POOLS:,} pools, {MAX_CLASSES} classes, a capacity of {MAX_CAPACITY:,} per class",
        f"and {MAX_LEVELS:,} levels in all",
    ],
)
def test_a_limit_that_the_page_states_is_the_one_of_the_code(sentence: str) -> None:
    assert sentence in PROSE


def test_the_steps_of_an_assign_state_the_same_limit_of_sessions_ended_by_a_batch() -> None:
    steps = " ".join(Page(ROOT / "docs/one-assign.md").prose.split())
    assert f"ends at most {constant_in_lua('leases', 'REAP'):g} sessions whose lease is over" in steps
