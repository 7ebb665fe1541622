"""All policies, including the toy of the tests, follow the contract in service/slta/store/lua/policies/policies.lua."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.docs.pages import ROOT
from tests.toy.uniform import LUA_WITH_UNIFORM, WITH_UNIFORM

HEAD = (
    (ROOT / "service/slta/store/lua/policies/policies.lua").read_text(encoding="utf-8").partition("\npolicies = {}")[0]
)
SNAPSHOTS = (ROOT / "service/slta/store/_snapshots.py").read_text(encoding="utf-8")
LENDING = {known: ROOT / f"service/slta/store/lua/policies/{known}.lua" for known in ("tokens", "jlmu")}
"""Modules that policies have lists and functions from."""

each_policy = pytest.mark.parametrize("name", LUA_WITH_UNIFORM)


def module(name: str) -> str:
    """What the table of a policy is called in Lua."""
    return LUA_WITH_UNIFORM[name].name.removesuffix(".lua")


@cache
def source(name: str) -> str:
    """A policy's Lua without comments, with that of what it has functions from: `tokens.lua`, or another policy."""
    own = LUA_WITH_UNIFORM[name].read_text(encoding="utf-8")
    used = (file.read_text(encoding="utf-8") for known, file in LENDING.items() if known != name and f"{known}." in own)
    return re.sub(r"--[^\n]*", "", "".join((*used, own)))


def entries(name: str, table: str) -> dict[str, str]:
    """What stands in a table of the policy's Lua, by key; `tokens.declare` returns a table for its words."""
    declare = re.search(rf"^{table} = tokens\.declare\((.*)\)$", source(name), re.MULTILINE)
    begin, end = ("  return {", "  }") if declare else (f"{table} = {{", "}")
    body = re.search(rf"^{re.escape(begin)}\n(.*?)\n{end}$", source(name), re.MULTILINE | re.DOTALL)
    found = dict(re.findall(r"(\w+) = (.*),$", body[1], re.MULTILINE)) if body else {}
    return found | ({"TOKENS": declare[1]} if declare else {})


def declared(name: str) -> dict[str, list[str]]:
    """What a policy declares: TOKENS, …, each as its words; lists of another module are looked up."""
    shared = {f"{known}.{key}": value for known in LENDING for key, value in entries(name, known).items()}
    own = {key: value for key, value in entries(name, module(name)).items() if key.isupper()}
    return {key: re.findall(r"\w+", shared.get(value, value)) for key, value in own.items()}


def functions(name: str) -> set[str]:
    """The functions of a policy's table, those that it has from another module too."""
    own = set(re.findall(rf"^function {module(name)}\.(\w+)\(", source(name), re.MULTILINE))
    return own | {key for key in entries(name, module(name)) if key.islower()}


def own_fields(name: str) -> set[str]:
    return {*declared(name)["NUMBERS"], *declared(name)["VECTORS"]}


def fields_read(name: str) -> set[str]:
    return set(re.findall(r"\bfleet\.(\w+)", source(name)))


def fields_written(name: str) -> set[str]:
    return set(re.findall(r"\bfleet\.(\w+)(?:\[[^\]]*\])? = ", source(name)))


def of_the_fleet() -> set[str]:
    """The fields of the fleet that the contract lets a policy read."""
    listed = HEAD.partition("these fields of the fleet:\n")[2].partition("-- `choose`, `learning_step`")[0]
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


def test_a_record_s_letter_tells_which_token_it_was() -> None:
    words = {token for policy in WITH_UNIFORM.values() for token in policy.tokens}
    assert len({word[0] for word in words}) == len(words)


@each_policy
def test_it_has_no_function_beyond_the_contract_and_has_choose_if_it_places(name: str) -> None:
    assert ("choose" in functions(name)) == WITH_UNIFORM[name].places
    assert functions(name) <= set(re.findall(r"^--   (\w+)\((?:fleet|view)", HEAD, re.MULTILINE))


@each_policy
def test_it_writes_its_own_fields_and_the_counters_of_steps_only(name: str) -> None:
    assert fields_written(name) <= own_fields(name) | counters()


def test_the_fields_of_the_fleet_that_policies_read_are_those_that_the_contract_names() -> None:
    read = {field for name in LUA_WITH_UNIFORM for field in fields_read(name) - own_fields(name)}
    assert read == of_the_fleet() | counters()


@each_policy
def test_a_policy_with_thresholds_has_the_fields_that_a_snapshot_reads(name: str) -> None:
    named = set(re.findall(r"`(\w+)`", HEAD.partition("`has_thresholds` has the fields")[2].partition(", which")[0]))
    assert named
    assert all(f'"{field}"' in SNAPSHOTS for field in named)
    assert (named <= own_fields(name)) == WITH_UNIFORM[name].has_thresholds


def test_no_test_has_a_list_of_policies_of_its_own() -> None:
    files = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")}
    assert [file for file, text in files.items() if re.search(r'[\[(]"slta", "jlmu"', text)] == []
