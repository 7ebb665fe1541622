"""The contract at the head of service/store/lua/policies.lua is what the policies keep to, the toy of the tests too."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.docs.pages import ROOT, Page
from tests.toy.uniform import LUA_WITH_UNIFORM, WITH_UNIFORM

HEAD = (ROOT / "service/store/lua/policies.lua").read_text(encoding="utf-8").partition("\npolicies = {}")[0]
SNAPSHOTS = (ROOT / "service/store/snapshots.py").read_text(encoding="utf-8")
OTHERS_LISTS = {"tests/store/test_upgrade.py": "of layout 1, which had these two"}

each_policy = pytest.mark.parametrize("name", LUA_WITH_UNIFORM)


@cache
def source(name: str) -> str:
    """A policy's Lua without comments."""
    return re.sub(r"--[^\n]*", "", LUA_WITH_UNIFORM[name].read_text(encoding="utf-8"))


def declared(name: str) -> dict[str, list[str]]:
    """What a policy declares: LAYOUT, TOKENS, …, each as its words."""
    table = source(name).partition(f"{name} = {{")[2].partition("\n}\n")[0]
    return {key: re.findall(r"\w+", value) for key, value in re.findall(r"([A-Z_]+) = (.*),$", table, re.MULTILINE)}


def own_fields(name: str) -> set[str]:
    return {*declared(name)["NUMBERS"], *declared(name)["VECTORS"]}


def fields_read(name: str) -> set[str]:
    return set(re.findall(r"\bfleet\.(\w+)", source(name)))


def fields_written(name: str) -> set[str]:
    return set(re.findall(r"\bfleet\.(\w+)(?:\[[^\]]*\])? = ", source(name)))


def of_the_fleet() -> set[str]:
    """The fields of the fleet that the contract lets a policy read."""
    listed = HEAD.partition("these fields of the fleet:\n")[2].partition("-- `choose` and `judge`")[0]
    return {
        word for names in re.findall(r"^--   ((?:\w+, )*\w+)  ", listed, re.MULTILINE) for word in names.split(", ")
    }


def counters() -> set[str]:
    """The fleet's counters that the contract lets a policy write."""
    return set(re.findall(r"\w+", HEAD.rpartition("count steps of r: ")[2]))


@each_policy
def test_a_policy_declares_everything_that_is_a_must(name: str) -> None:
    musts = re.findall(r"^--   ([A-Z_]+(?:, [A-Z_]+)*)  ", HEAD, re.MULTILINE)
    assert set(declared(name)) == {word for must in musts for word in must.split(", ")}


@each_policy
def test_its_tokens_are_those_of_its_row_in_python(name: str) -> None:
    assert tuple(declared(name)["TOKENS"]) == WITH_UNIFORM[name].tokens


@each_policy
def test_it_has_no_function_beyond_the_contract_and_has_choose(name: str) -> None:
    functions = set(re.findall(rf"^function {name}\.(\w+)\(", source(name), re.MULTILINE))
    assert "choose" in functions
    assert functions <= set(re.findall(r"^--   (\w+)\(fleet", HEAD, re.MULTILINE))


@each_policy
def test_it_writes_its_own_fields_and_the_counters_of_steps_only(name: str) -> None:
    assert fields_written(name) <= own_fields(name) | counters()


def test_the_fields_of_the_fleet_that_policies_read_are_those_that_the_contract_names() -> None:
    read = {field for name in LUA_WITH_UNIFORM for field in fields_read(name) - own_fields(name)}
    assert read == of_the_fleet() | counters()


@each_policy
def test_a_policy_with_thresholds_has_the_fields_that_a_snapshot_reads(name: str) -> None:
    named = set(re.findall(r"`(\w+)`", HEAD.partition("three of its fields")[2].partition(":")[0]))
    assert all(f'"{field}"' in SNAPSHOTS for field in named)
    assert (named <= own_fields(name)) == WITH_UNIFORM[name].has_thresholds


def test_contributing_names_every_test_that_has_a_list_of_policies() -> None:
    files = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")}
    listing = {file for file, text in files.items() if re.search(r'[\[(]"slta", "jlmu"[\])]', text)}
    section = " ".join(Page(ROOT / "CONTRIBUTING.md").section("Where to touch").split())
    braces = re.sub(r"`(\S+)\{(\S+)\}(\S+)`", lambda m: " ".join(m[1] + one + m[3] for one in m[2].split(",")), section)
    assert {file for file in listing if file not in braces} == OTHERS_LISTS.keys()
