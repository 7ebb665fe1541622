"""Which tests notice mistakes of which module: a table, filled by running each file of tests once.

Of a Python module the lines within functions that a file of tests runs count, by coverage; of a Lua module the
functions that it calls: in a copy of the tree, each logs its first call on a server.
"""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from coverage import CoverageData
from tree_sitter import Node, Parser

from tests.mutants.copies import PACKAGED, ROOT, Copy
from tests.mutants.operators import LANGUAGES

TABLE = Path(__file__).with_name("tests.json")
LEARNED = ROOT / "build" / "learned.json"
"""What each file of tests that was run here uses of each module, so that a run of some completes what is known."""
MOST = 12
"""Files of a module in the table, the nearest first."""
STORE_TESTS = ("tests/store", "tests/fundamentals")
"""Folders whose files follow for each Lua module, and judge a package that has no folder of tests."""
PACKAGES = (
    "slta",
    "slta_client",
    "slta_integrations",
    "slta_planning",
    "slta_experiments",
    "slta_loadgen",
    "slta_demo",
)
MARK = "mutants use "
PROLOGUE = (
    "local is_used = {}; local function use(number) if constants.is_loaded and not is_used[number] then "
    "is_used[number] = true; redis.log(redis.LOG_WARNING, '%s ' .. number) end end "
)
LOADED = b"constants.is_loaded = true\n"
"""At the end of the last module: Valkey 9 ends itself when a library logs while it loads."""
SITE = """
import subprocess
start = subprocess.Popen.__init__
def with_log(self, args, *rest, **options):
    is_server = isinstance(args, list) and str(args[0]).endswith("-server")
    start(self, [*args, "--logfile", {log!r}] if is_server else args, *rest, **options)
subprocess.Popen.__init__ = with_log
"""
"""Makes each store's server that a process starts write its log to one file."""


def judging_tests(file: str) -> list[str]:
    """Files of tests for a module, the nearest first; before any run has used it, those of its package."""
    near = list(_read(TABLE).get(file, ()))
    if file.endswith(".lua"):
        return near + [test for test in all_tests(STORE_TESTS) if test not in near]
    packages = (all_tests([f"tests/{part.removeprefix('slta_')}"]) for part in file.split("/")[:-1])
    return near or next(filter(None, packages), all_tests(STORE_TESTS))


def all_tests(folders: Collection[str]) -> list[str]:
    """Files of tests below folders, or the files that are named."""
    paths = (path for folder in folders for path in sorted([ROOT / folder, *(ROOT / folder).rglob("test_*.py")]))
    return [str(path.relative_to(ROOT)) for path in paths if path.suffix == ".py"]


def learn(copy: Copy, tests: Collection[str]) -> None:
    """Run each file of tests alone, and write the table."""
    used = {test: files for test, files in _read(LEARNED).items() if (ROOT / test).exists()}
    log = copy.folder / "servers.log"
    (copy.folder / "sitecustomize.py").write_text(SITE.format(log=str(log)), encoding="utf-8")
    for path in sorted((copy.folder / "service").rglob("*.lua")):
        file = str(path.relative_to(copy.folder))
        copy.write(file, instrumented(file, path.read_bytes()))
    for test in tests:
        log.write_bytes(b"")
        used[test] = {**_run(copy, test), **_logged(log)}
        print(f"{len(used[test]):4d} modules: {test}", flush=True)
        LEARNED.write_text(json.dumps(used), encoding="utf-8")
    write(used)


def write(used: Mapping[str, Mapping[str, int]]) -> None:
    """Write the table from what each file of tests uses of each module; those that were not run stay before them."""
    known = _read(TABLE)
    near = {file: [test for test in used if file in used[test]] for file in {*known}.union(*used.values())}
    for file, tests in near.items():
        tests.sort(key=lambda test: _distance(used[test], file))
        tests[:0] = (test for test in known.get(file, ()) if test not in used)
    rows = [f"{json.dumps(file)}: {json.dumps(near[file][:MOST])}" for file in sorted(near) if near[file]]
    written = TABLE.with_suffix(".new")
    written.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    written.replace(TABLE)


def _distance(used: Mapping[str, int], file: str) -> float:
    """Tests are near that use much of the module, and little beside it."""
    suffix = Path(file).suffix
    return sum(count for other, count in used.items() if other.endswith(suffix)) / used[file] ** 2


def instrumented(file: str, source: bytes) -> bytes:
    """A Lua module whose functions log their first use. Lines stay where they are."""
    bodies = sorted(
        node.child_by_field_name("parameters").end_byte
        for node in _functions(Parser(LANGUAGES[".lua"]).parse(source).root_node)
    )
    parts = [source[start:end] for start, end in zip([0, *bodies], [*bodies, len(source)], strict=True)]
    end = LOADED if file.endswith("/library.lua") else b""
    text = b"".join(b"%s use(%d) " % (part, number) for number, part in enumerate(parts[:-1])) + parts[-1] + end
    return (PROLOGUE % (MARK + file)).encode() + text


def _functions(node: Node) -> Iterator[Node]:
    for child in node.children:
        if child.type in {"function_declaration", "function_definition"}:
            yield child
        yield from _functions(child)


def _read(table: Path) -> dict[str, Any]:
    return json.loads(table.read_text(encoding="utf-8")) if table.exists() else {}


def _run(copy: Copy, test: str) -> dict[str, int]:
    data = copy.folder / ".coverage"
    data.unlink(missing_ok=True)
    copy.pytest([test], *(f"--cov={name}" for name in PACKAGES), "--cov-report=", COVERAGE_FILE=str(data))
    measured = CoverageData(str(data))
    measured.read()
    files = {str(Path(path).relative_to(copy.folder)): path for path in measured.measured_files()}
    lines = {
        file: _bodies(file) & set(measured.lines(path) or ())
        for file, path in files.items()
        if file.startswith(PACKAGED)
    }
    return {file: len(run) for file, run in lines.items() if run}


@cache
def _bodies(file: str) -> frozenset[int]:
    nodes = ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(line for node in functions for line in range(node.body[0].lineno, (node.end_lineno or 0) + 1))


def _logged(log: Path) -> Counter[str]:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return Counter(call.split()[0] for call in {line.rpartition(MARK)[2] for line in lines if MARK in line})
