"""The Lua library passes lint checks, and every server loads it."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

import slta.store
from slta.store._outcomes import REFUSALS, RESULTS, SESSION_REFUSALS
from slta.store.library import assemble
from slta.store.operations import ARGUMENTS, OPERATIONS, encode, lua_preludes
from slta.store.pools import PoolArguments
from testbed.servers import SERVERS, own_server
from tests.inventory import each

FOLDER = Path(slta.store.__file__).parent / "lua"
FILES = sorted(FOLDER.rglob("*.lua"))
COLUMNS = 120
OS = ("date", "difftime", "execute", "exit", "getenv", "remove", "rename", "setlocale", "time", "tmpname")
NOT_IN_REDIS = ("debug", "dofile", "io", "loadfile", "module", "package", "print", "require", *(f"os.{f}" for f in OS))


@each("file", FILES)
def test_lines_have_at_most_120_columns(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()

    assert [number for number, line in enumerate(lines, 1) if len(line) > COLUMNS] == []


def test_every_file_is_part_of_the_library_once() -> None:
    source, digest = assemble()
    unmarked = {file: re.sub(r"{} -- @\w+@", "", file.read_text(encoding="utf-8")) for file in FILES}
    texts = {file: text.splitlines()[0] for file, text in unmarked.items()}

    assert [file for file, first in texts.items() if source.splitlines().count(first) != 1] == []
    assert digest in source


@pytest.mark.needs("luacheck")
def test_no_name_is_undefined_or_unused() -> None:
    """Servers detect an undefined name only when the line runs, and an unused one never."""
    known = [
        "--std",
        "lua51",
        "--not-globals",
        *NOT_IN_REDIS,
        "--read-globals",
        "redis",
        "cjson",
        "cmsgpack",
        "constants",
        "--globals",
        *(file.stem for file in FILES),
    ]
    command = ["luacheck", "--no-config", "--no-color", "--quiet", *known, "--", str(FOLDER)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)

    assert found.returncode == 0, found.stdout + found.stderr


def test_every_function_of_a_module_is_called_somewhere() -> None:
    """Luacheck ignores table fields. Policy functions are called by name, so only names are compared."""
    code = {file.stem: re.sub(r"--[^\n]*", "", file.read_text(encoding="utf-8")) for file in FILES}
    code["preludes"] = lua_preludes()

    assert set(uncalled(code)) <= {row.function for row in OPERATIONS.values()}


def uncalled(code: Mapping[str, str]) -> list[str]:
    definition = re.compile(r"^function (\w+\.(\w+))", re.MULTILINE)
    everything = "".join(code.values())
    defined = definition.findall(everything)
    definitions = Counter(name for _, name in defined)
    return [
        function for function, name in defined if len(re.findall(rf"[.:']{name}\b", everything)) <= definitions[name]
    ]


def test_lua_reads_no_argument_that_the_table_lacks_and_the_table_has_each_function() -> None:
    code = "".join(file.read_text(encoding="utf-8") for file in FILES)
    names = {"clock"}.union(*ARGUMENTS.values())

    assert set(re.findall(r"\bgiven\.(\w+)", code)) <= names
    assert set(re.findall(r"^register(?:_of_pool|_read)?\('(\w+)'", code, re.MULTILINE)) == ARGUMENTS.keys()
    assert ARGUMENTS["add_pools"]["pools"] == ["rows", *PoolArguments._fields]


def test_a_call_with_other_arguments_than_the_table_has_is_refused() -> None:
    with pytest.raises(TypeError, match="argument run of the Lua function rebuild is missing"):
        encode("rebuild", {"work": 1})
    with pytest.raises(TypeError, match="the Lua function tick has no argument share"):
        encode("tick", {"share": True})


PARENTHESES = r"\((?:[^()]|{})*\)"
CALLS = r"\b(?:redis\.p?call|commands\.send|scan|wrong)"
COMMAND = re.compile(CALLS + PARENTHESES.format(PARENTHESES.format(PARENTHESES.format("$.^"))))
NOT_OUTCOMES = {"DONE"}
"""The outcome of an event."""


def outcomes(code: str) -> set[str]:
    """Words in capitals that are not in the arguments of a Redis command."""
    return set(re.findall(r"'([A-Z][A-Z_]+)'", COMMAND.sub("", re.sub(r"--[^\n]*", "", code)))) - NOT_OUTCOMES


def test_the_table_of_outcomes_has_each_outcome_of_the_library_and_no_other() -> None:
    known = {*REFUSALS, *SESSION_REFUSALS, *" ".join(RESULTS.values()).split()}

    assert outcomes("".join(file.read_text(encoding="utf-8") for file in FILES)) ^ known == set()


def test_a_function_that_is_never_called_is_found() -> None:
    assert uncalled({"a": "function a.f()\nend\nfunction a.g()\n  a.f()\nend\n"}) == ["a.g"]


@pytest.mark.parametrize("name", sorted(SERVERS))
def test_the_library_loads_and_registers_its_functions(name: str) -> None:
    source, digest = assemble()
    with own_server(SERVERS[name]) as server, server.client() as redis:
        assert redis.function_load(source) == f"slta_{digest}"
        [library] = redis.function_list()

    described = dict(zip(library[::2], library[1::2], strict=True))
    functions = {dict(zip(words[::2], words[1::2], strict=True))["name"] for words in described["functions"]}
    text = (FOLDER / "library/library.lua").read_text(encoding="utf-8")
    registered = re.findall(r"^register(?:_of_pool|_read)?\('(\w+)'", text, re.MULTILINE)
    assert functions == {f"slta_{digest}_{function}" for function in registered}
