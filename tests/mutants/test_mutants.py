"""The tests are tested: each planted mistake makes one of them fail (make mutants)."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from tests.inventory import each
from tests.mutants import cluster, kubernetes, proxies
from tests.mutants.planting import ROOT, Mutant, plant, run_tests, times_found

HELPERS = ("__main__", "copies", "learning", "operators", "planting", "test_operators", Path(__file__).stem)
FILES = sorted({file.stem for file in Path(__file__).parent.glob("*.py")}.difference(HELPERS))
TABLES: list[dict[str, Mutant]] = [import_module(f"tests.mutants.{file}").MUTANTS for file in FILES]
NEED_SLOW_TESTS = {
    "nobody counts replicas beyond the configured number",
    "a shard that is away ends the reading",
    "integrals are sums of floats",
    "more than 65,536 pools",
    *proxies.MUTANTS,
    *cluster.MUTANTS,
    *kubernetes.SLOW,
}
"""Mistakes that only tests with the mark `slow` or `proxies` notice."""
MUTANTS: dict[str, Mutant] = {name: mutant for table in TABLES for name, mutant in table.items()}


def test_the_tables_do_not_hide_each_other() -> None:
    assert len(MUTANTS) == sum(map(len, TABLES))
    assert MUTANTS.keys() >= NEED_SLOW_TESTS


@each("name", MUTANTS)
def test_the_right_text_of_a_mistake_is_still_there_once(name: str) -> None:
    assert times_found(MUTANTS[name]) == 1, f"needs new words: {MUTANTS[name]}"


@each("name", MUTANTS)
def test_the_tests_that_must_notice_it_are_there(name: str) -> None:
    files = [test.partition("::")[0] for test in MUTANTS[name].tests]
    assert files
    assert [file for file in files if not (ROOT / file).exists()] == []


@pytest.mark.campaign
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", MUTANTS)
def test_every_mistake_is_noticed(tmp_path: Path, name: str) -> None:
    plant(MUTANTS[name], tmp_path)
    noticed = run_tests(MUTANTS[name], tmp_path, slow=name in NEED_SLOW_TESTS)
    print(f"{name}: {noticed}")
    assert noticed


@pytest.mark.slow
def test_a_change_that_is_no_mistake_is_not_noticed(tmp_path: Path) -> None:
    harmless = Mutant(
        "service/slta/models/errors.py",
        "The dispatcher rejected the call.",
        "Rejected.",
        ("tests/api/test_problems.py",),
    )
    plant(harmless, tmp_path)
    assert run_tests(harmless, tmp_path) is None
