"""docs/architecture.md has the same rooms as the import contract, and as the folders."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from service.core.policies import POLICIES
from tests import rawstate
from tests.docs.pages import ROOT, Page, alternatives, rows, words

PAGE = Page(ROOT / "docs/architecture.md")
ROOMS = PAGE.section("Rooms")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
FOLDERS = ("service", "loadgen", "demo", "experiments")


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
    named = {name: fields.split() for name, fields in re.findall(r"^(\w+)((?: .*\n)+)", block, re.MULTILINE)}
    policies = {name: fields.split() for name, fields in rawstate.POLICY_BLOCKS.items() if name in POLICIES}
    assert named == {"fleet": rawstate.FLEET_BLOCK.split(), **policies}
