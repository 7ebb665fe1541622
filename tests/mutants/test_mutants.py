"""The tests are tested: each planted mistake makes one of them fail (make planted)."""

from __future__ import annotations

import subprocess
import sys
from collections import ChainMap
from importlib import import_module
from pathlib import Path

import pytest

from tests.inventory import each
from tests.mutants.copies import ROOT
from tests.mutants.judging import SURVIVED, Judge
from tests.mutants.planting import Mutant, block, mutation
from tests.mutants.recording import stages

FILES = sorted(file.stem for file in (Path(__file__).parent / "planted").glob("*.py"))
TABLES: list[dict[str, Mutant]] = [import_module(f"tests.mutants.planted.{file}").MUTANTS for file in FILES]
MUTANTS = ChainMap(*TABLES)
TEXT = """\
class A:
    def f(
        x
    ) -> None:
        return x
class B:
    def f(x): return x
"""


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """Runs slow tests and those of real proxies too."""
    return Judge(tmp_path_factory.mktemp("planted") / "0", "-m", "not campaign")


def test_the_tables_do_not_hide_each_other() -> None:
    assert len(MUTANTS) == sum(map(len, TABLES))


@each("name", MUTANTS)
def test_the_words_of_a_mistake_are_once_in_their_place(name: str) -> None:
    mutation(MUTANTS[name])


def test_the_tests_that_must_notice_them_are_there() -> None:
    wanted = {test for mutant in MUTANTS.values() for test in mutant.tests}
    files = sorted({test.partition("::")[0] for test in wanted})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "campaign or not campaign", *files]
    collected = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert sorted(wanted - {*files, *collected, *(test.partition("[")[0] for test in collected)}) == []


def test_a_place_is_named_by_what_its_lines_begin_with() -> None:
    start, end = block(TEXT, "A > f")
    assert TEXT[start:end] == TEXT[TEXT.index("    def f(\n") : TEXT.index("class B")]
    with pytest.raises(ValueError, match="2 times: f"):
        block(TEXT, "f")


@pytest.mark.campaign
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_every_mistake_is_noticed(judge: Judge, name: str) -> None:
    change, tests = mutation(MUTANTS[name]), MUTANTS[name].tests
    noticed = judge.judge(change, [tests] if tests else stages(change.file, change.line))
    print(f"{name}: {noticed}")
    assert SURVIVED not in noticed
