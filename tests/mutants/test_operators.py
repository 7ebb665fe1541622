"""The tool is tested: each operator changes what it says, a mistake is noticed, and what changes nothing survives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.inventory import each
from tests.mutants import learning
from tests.mutants.__main__ import SURVIVED, TIMED_OUT, Worker, drawn, files
from tests.mutants.copies import ROOT
from tests.mutants.learning import MARK, all_tests, instrumented, judging_tests
from tests.mutants.operators import OPERATORS, Mutation, mutations

LUA = "function f(a, b) -- a < b\n  if a <= 2 then g(a + 1, b, b) end\n  return a ~= b and true\nend\n"
PYTHON = '''
def f(a: int, b: int) -> bool:
    """Returns a < 1."""
    a += 2 if a is not b else 3
    g(a, b, key=b)
    return a != b
'''
EXPECTED = {
    ("comparison", ".lua"): ["<= → <", "~= → =="],
    ("arithmetic", ".lua"): ["+ → -"],
    ("constant", ".lua"): ["2 → (2 + 1)", "1 → (1 + 1)", "true → false"],
    ("condition", ".lua"): ["a <= 2 → (not (a <= 2))"],
    ("statement", ".lua"): ["g(a + 1, b, b) → nothing", "return a ~= b and true → nothing"],
    ("arguments", ".lua"): ["a + 1, b → b, a + 1"],
    ("comparison", ".py"): ["is not → is", "!= → =="],
    ("arithmetic", ".py"): ["+= → -="],
    ("constant", ".py"): ["2 → (2 + 1)", "3 → (3 + 1)"],
    ("condition", ".py"): ["a is not b → (not (a is not b))"],
    ("statement", ".py"): ["a += 2 if a is not b else 3 → pass", "g(a, b, key=b) → pass", "return a != b → pass"],
    ("arguments", ".py"): ["a, b → b, a"],
}
"""The mutations of both texts, in order; none is in a comment, a docstring, an annotation or a parameter."""
GAPS = "service/slta/core/gaps.py"


@each("operator", OPERATORS)
def test_an_operator_changes_what_it_says(operator: str) -> None:
    for suffix, text in ((".lua", LUA), (".py", PYTHON)):
        found = [
            str(m).split(f"{operator}: ")[1] for m in mutations(f"f{suffix}", text.encode()) if m.operator == operator
        ]
        assert found == EXPECTED[operator, suffix]


def test_a_mutation_replaces_its_span() -> None:
    [mutation] = [m for m in mutations("f.lua", LUA.encode()) if m.operator == "arguments"]
    assert LUA[: mutation.start] + mutation.after + LUA[mutation.end :] == LUA.replace("g(a + 1, b,", "g(b, a + 1,")


def test_a_seed_draws_the_same_mutations_and_at_most_so_many_of_each_folder() -> None:
    first, again, other = (list(drawn("service/slta/core", seed, 3)) for seed in ("1", "1", "2"))
    assert first == again != other
    folders = {file.rpartition("/")[0] for file in files("service/slta/core") if not file.endswith("__init__.py")}
    assert len(first) == 3 * len(folders)


def test_all_that_is_packaged_is_mutated() -> None:
    folders = {file.split("/")[0] for file in files(".")}
    assert folders == {"service", "clients", "integrations", "planning", "experiments", "loadgen", "demo"}


def test_the_table_names_files_that_there_are() -> None:
    named = json.loads(learning.TABLE.read_text(encoding="utf-8"))
    assert [file for file in {*named}.union(*named.values()) if not (ROOT / file).exists()] == []


@each(
    ("file", "first"), (("planning/slta_planning/new.py", "tests/planning/"), ("service/slta/new.py", "tests/store/"))
)
def test_a_module_that_is_new_is_judged_by_the_tests_of_its_package(file: str, first: str) -> None:
    assert judging_tests(file)[0].startswith(first)


def test_a_module_of_lua_is_judged_by_all_tests_of_the_store() -> None:
    assert {*all_tests(["tests/store"])} <= {*judging_tests("service/slta/store/lua/leases.lua")}


def test_a_module_of_lua_that_is_learned_logs_which_functions_were_called() -> None:
    text = instrumented("a.lua", b"function a.f(x, y)\n  return x\nend\n").decode()
    assert f"'{MARK}a.lua '" in text
    assert text.endswith("function a.f(x, y) use(0) \n  return x\nend\n")


def test_tests_of_earlier_runs_come_first_then_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "TABLE", tmp_path / "tests.json")
    learning.write({"far": {"a.py": 4, "b.py": 9}, "near": {"a.py": 4, "a.lua": 99}, "little": {"a.py": 1}})
    assert [judging_tests(file) for file in ("a.py", "b.py")] == [["near", "far", "little"], ["far"]]
    learning.write({"far": {"b.py": 9}, "new": {"a.py": 1}})
    assert [judging_tests(file) for file in ("a.py", "b.py")] == [["near", "little", "new"], ["far"]]


SOURCE = (ROOT / GAPS).read_text(encoding="utf-8")


def rewritten(right: str, wrong: str) -> Mutation:
    assert right in SOURCE
    return Mutation(GAPS, "planted", 1, 0, len(SOURCE.encode()), SOURCE, SOURCE.replace(right, wrong))


@pytest.mark.slow
def test_a_mistake_is_noticed_and_what_changes_nothing_survives(tmp_path: Path) -> None:
    worker, tests = Worker(tmp_path / "0"), ["tests/core/test_broken.py", "tests/core/test_gaps.py"]
    (tmp_path / "0" / tests[0]).write_text("def test_broken():\n    assert False\n", encoding="utf-8")
    mistake = rewritten("return self.utility_optimum_mean - ", "return ")
    assert worker.judge(mistake, tests).startswith(f"{tests[1]}::")
    assert worker.judge(rewritten("import annotations", "import annotations\n\nUNUSED = 1"), tests) == SURVIVED


@pytest.mark.slow
def test_a_mutation_that_hangs_is_timed_out(tmp_path: Path) -> None:
    mutation = rewritten("        return self", "        while True: pass\n        return self")
    assert Worker(tmp_path / "0", "--timeout", "5").judge(mutation, ["tests/core/test_gaps.py"]) == TIMED_OUT
