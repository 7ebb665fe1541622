"""The recording of which test runs which line, by contexts of coverage, and the choice of tests for a mutation by it.

Each file of tests runs in a process of its own, so that what fixtures and processes run there is its own too. The
recording is below build. Lua is not in it: coverage does not see what a store's server runs.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path

from coverage import Coverage, CoverageData

from tests.mutants.copies import ROOT

RECORDED = ROOT / "build" / "mutants" / "recorded"
"""A file of coverage for each file of tests; `ALL` is made of them."""
ALL = RECORDED.with_name("lines.coverage")
PACKAGES = "slta", "slta_client", "slta_demo", "slta_experiments", "slta_integrations", "slta_loadgen", "slta_planning"
OPTIONS = """\
[run]
source = {packages}
patch = subprocess
parallel = true
sigterm = true
data_file = {file}
context = {test}
disable_warnings = no-data-collected, module-not-imported
"""
MODEL = (
    "tests/store/test_decisions.py",
    "tests/store/test_random_damage.py",
    "tests/store/histories/test_histories.py",
)
"""Tests of the store against a model: they are asked first of mutations in Lua."""


def all_tests(folder: str = "tests") -> list[str]:
    """Files of tests below a folder. Those of this tool test no packaged module."""
    paths = sorted(path.relative_to(ROOT) for path in (ROOT / folder).rglob("test_*.py"))
    return [str(path) for path in paths if path.parts[1] != "mutants"]


def record() -> None:
    """Run each file of tests that has changed since it was recorded, or never was."""
    RECORDED.mkdir(parents=True, exist_ok=True)
    tests = all_tests()
    for test in tests:
        file = _recorded(test)
        if not file.exists() or file.stat().st_mtime < (ROOT / test).stat().st_mtime:
            print(f"{test}: {_run(test, file)}", flush=True)
    files = [str(file) for test in tests if (file := _recorded(test)).exists()]
    Coverage(str(ALL), config_file=False).combine(files, keep=True)


def _recorded(test: str) -> Path:
    return RECORDED / f"{test.replace('/', '.')}.coverage"


def _run(test: str, file: Path) -> str:
    settings = file.with_suffix(".settings")
    settings.write_text(OPTIONS.format(packages=",".join(PACKAGES), file=file, test=test), encoding="utf-8")
    coverage = "--cov", f"--cov-config={settings}", "--cov-context=test", "--cov-report="
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "--timeout", "900", *coverage, test]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    settings.unlink()
    return output.strip().rpartition("\n")[2]


def stages(file: str, line: int) -> Iterator[list[str]]:
    """Tests for a mutation, in the order in which they are asked; each is a file or a function of one.

    First those of the same name (of Lua before them the model), then the functions that run the line, or all tests of
    the store, in growing groups.
    """
    own, is_lua = own_tests(file), file.endswith(".lua")
    first = [*MODEL, *own] if is_lua else own
    near = {test: [test] for test in all_tests("tests/store")} if is_lua else covering(file, line)
    rest = [tests for test, tests in near.items() if test not in first]
    yield from ([test] for test in first)
    size = 4
    while rest:
        group, rest = rest[:size], rest[size:]
        yield [test for tests in group for test in tests]
        size = min(2 * size, 32)


def own_tests(file: str) -> list[str]:
    """Files of tests that are named as a module; of several those in a folder that is named as one of its packages."""
    stem, folders = Path(file).stem.strip("_"), _packages(file)
    named = [test for test in all_tests() if Path(test).name == f"test_{stem}.py"]
    near = [test for test in named if folders & {*Path(test).parts[1:-1]}]
    return near if len(named) > 1 else named


def covering(file: str, line: int) -> Mapping[str, list[str]]:
    """By file of tests, the functions that run the statement in a line, or the file itself if more than one of its
    tests may need what was run; those of the module's own packages first, then those with the fewest.
    """
    lines = recorded_lines(file)
    if lines is None:
        return {test: [test] for folder in sorted(_packages(file)) for test in all_tests(f"tests/{folder}")}
    found = defaultdict[str, set[str]](set)
    for context in {context for at in statement(file, line) for context in lines.get(at, ())}:
        test, _, case = context.partition("|")
        function, _, phase = case.rpartition("|")
        found[test].add(function.partition("[")[0] if phase == "run" else test)
    chosen = {test: [test] if test in cases else sorted(cases) for test, cases in found.items()}
    left = {test: here for test, cases in chosen.items() if (here := [*filter(exists, cases)])}
    folders = _packages(file)
    return dict(sorted(left.items(), key=lambda of: (not folders & {*Path(of[0]).parts}, len(of[1]), of[0])))


def statement(file: str, line: int) -> Collection[int]:
    """Lines of the innermost statement there, without those of its body."""
    nodes = (node for node in ast.walk(ast.parse((ROOT / file).read_bytes())) if isinstance(node, ast.stmt))
    around = [node for node in nodes if node.lineno <= line <= (node.end_lineno or 0)]
    if not around:
        return (line,)
    inner = max(around, key=lambda node: node.lineno)
    body = [child.lineno for child in ast.iter_child_nodes(inner) if isinstance(child, ast.stmt)]
    return range(inner.lineno, max(min(body, default=(inner.end_lineno or 0) + 1), inner.lineno + 1))


def _packages(file: str) -> set[str]:
    return {part.removeprefix("slta_") for part in Path(file).parts[:-1]} - {"slta", "service"}


def exists(test: str) -> bool:
    path, *names = test.split("::")
    return (ROOT / path).exists() and all(re.search(rf"\b{name}\b", _text(path)) for name in names)


@cache
def _text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@cache
def recorded_lines(file: str) -> Mapping[int, list[str]] | None:
    data = CoverageData(str(ALL))
    data.read()
    path = next((path for path in data.measured_files() if path.endswith(f"/{file}")), None)
    return data.contexts_by_lineno(path) if path else None
