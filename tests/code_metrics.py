"""Code metrics: code lines by folder and by subject, length of functions and modules, files that name a policy.

A code line holds more than a comment or a docstring.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from slta.core.policies import POLICIES

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (
    *("service", "clients", "demo", "loadgen", "integrations", "experiments", "planning", "lab", "deploy"),
    "testbed",
)
FUNCTION_LINES = 40
"""Lines of code that a function may have."""

TABLES = "tables of tests and lab: YAML, TOML, JSON"
SUBJECTS = {
    "planted mistakes": r"^tests/mutants/",
    "session types": r"type(s|d)?[_./]",
    "planning": r"planning",
    "kubernetes, agents": r"kubernetes|pods|agent",
    "proxies": r"prox|nginx|follow|place|visit",
    "client": r"^clients|(lab|tests|examples)/clients?/",
    "integrity": r"integrity|audit|repair|corrupt|census",
    "cluster": r"cluster|topology|shard|routing",
    "pools, liveness": r"pool|liveness|lease|drain|guard|heartbeat|attribute|statuses|expiry",
    "durability": r"fault|reliab|failover|recover|replay|incarn|durab|sentinel|histor",
    "metrics, dashboard": r"dashboard|metrics|grafana|prometheus|scrape",
    "studies, loads": r"experiments|studies|loadgen|bench|demo",
    "policies": r"polic|core/|ledger|fundamentals|gap|predict",
    "store": r"/store/",
    "HTTP": r"/(api|server|auth|contract)/|api_fuzz",
}
"""Subject → pattern of its paths, tests included; a file counts for the first."""

COMPARING = {"lab", "experiments", "planning"}
"""Folders that compare the policies, so they may name them."""

POLICY_WORDS = {*POLICIES, *(name.replace("-", "_") for name in POLICIES)}
POLICY_CLASSES = {"Slta", "SltaGreedy", "Jlmu", "Observe"}
LUA_POLICY = re.compile(rf"(?<![\w-])(?:{'|'.join(POLICY_WORDS)})\b(?![_-])")
QUOTED_POLICY = re.compile(rf"""["'](?:{"|".join(POLICY_WORDS)})["']""")

NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


class Function(NamedTuple):
    """`name` is qualified: `Store.assign`, `sessions.assign`. Line numbers count from 1."""

    file: str
    name: str
    code: frozenset[int]


def files(*suffixes: str) -> Iterator[Path]:
    """The files of every folder but `tests`, in order."""
    for room in FOLDERS:
        yield from sorted(path for path in (ROOT / room).rglob("*") if path.suffix in suffixes)


@cache
def functions_of(path: Path) -> Mapping[str, Function]:
    """By qualified name. A function within a function counts in both; of two of one name the last counts."""
    text, file = path.read_text(encoding="utf-8"), str(path.relative_to(ROOT))
    found = lua_functions(file, text) if path.suffix == ".lua" else python_functions(file, text)
    return {function.name: function for function in found}


def python_functions(file: str, text: str) -> Iterator[Function]:
    tree = ast.parse(text)
    code = _python_code(text) - _docstrings(tree)
    for name, node in _named(tree, ""):
        yield Function(file, name, code & _lines(node))


def _named(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not isinstance(child, ast.ClassDef):
                yield prefix + child.name, child
            yield from _named(child, f"{prefix}{child.name}.")
        else:
            yield from _named(child, prefix)


def _python_code(text: str) -> frozenset[int]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return frozenset(
        line for token in tokens if token.type not in NO_CODE for line in range(token.start[0], token.end[0] + 1)
    )


def _docstrings(tree: ast.AST) -> frozenset[int]:
    """The lines of strings that stand alone."""
    values = (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    texts = (node for node in values if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return frozenset(line for node in texts for line in _lines(node))


def _lines(node: Any) -> frozenset[int]:
    return frozenset(range(node.lineno, node.end_lineno + 1))


LUA_FUNCTION = re.compile(r"(?:local )?function ([\w.]+)\(")


def lua_functions(file: str, text: str) -> Iterator[Function]:
    """Functions at column 0; ours are indented by two blanks a level."""
    lines = text.splitlines()
    code = {number for number, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith("--")}
    for start, line in enumerate(lines, 1):
        if match := LUA_FUNCTION.match(line):
            end = next(number for number in range(start, len(lines) + 1) if lines[number - 1].startswith("end"))
            yield Function(file, match[1], frozenset(code & set(range(start, end + 1))))


def policy_namers() -> Iterator[tuple[str, int]]:
    """File and line where the service or a client of it names a policy, as a word or as a class. Docstrings may."""
    for path in files(".py", ".lua", ".js", ".html"):
        if path.relative_to(ROOT).parts[0] not in COMPARING:
            text = path.read_text(encoding="utf-8")
            numbers = _python_namers(text) if path.suffix == ".py" else _other_namers(text, path.suffix)
            yield from ((str(path.relative_to(ROOT)), number) for number in sorted(numbers))


def _python_namers(text: str) -> set[int]:
    nodes = list(ast.walk(ast.parse(text)))
    words = {node.lineno for node in nodes if isinstance(node, ast.Constant) and node.value in POLICY_WORDS}
    names = {node.lineno for node in nodes if isinstance(node, ast.Name) and node.id in POLICY_CLASSES}
    return words | names


def _other_namers(text: str, suffix: str) -> set[int]:
    comment, word = ("--", LUA_POLICY) if suffix == ".lua" else ("//", QUOTED_POLICY)
    lines = enumerate(text.splitlines(), 1)
    return {number for number, line in lines if word.search(line.partition(comment)[0])}


def code_lines(path: Path) -> int:
    """Lines of a file that are neither blank nor comment nor docstring."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return len(_python_code(text) - _docstrings(ast.parse(text)))
    comment = {".lua": "--", ".js": "//"}.get(path.suffix, "#")
    return sum(bool(line.strip()) and not line.lstrip().startswith(comment) for line in text.splitlines())


def folder_of(name: str) -> str:
    """Top-level folder of a file, `.` for none; `TABLES` for a table under tests or lab that is no recorded result."""
    folder, slash, _ = name.partition("/")
    is_table = folder in {"tests", "lab"} and name.endswith((".yaml", ".yml", ".toml", ".json"))
    return TABLES if is_table and "results" not in name else folder if slash else "."


def subject_of(name: str) -> str:
    """First subject of `SUBJECTS` whose pattern the path has; `rest` without one."""
    return next((subject for subject, pattern in SUBJECTS.items() if re.search(pattern, name)), "rest")


def lines_by(group: Callable[[str], str]) -> Counter[str]:
    """Code lines of tracked Python, Lua and JavaScript, and of tables, by group of the files' names, at 120 columns."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    lines: Counter[str] = Counter()
    for name in tracked:
        if name.endswith((".py", ".lua", ".js")) or folder_of(name) == TABLES:
            lines[group(name)] += code_lines(ROOT / name)
    return lines


def main() -> None:
    """Print them."""
    for lines in (lines_by(folder_of), lines_by(subject_of)):
        for group, count in sorted(lines.items()):
            print(f"{count:7,d} {group}")
        print(f"{lines.total():7,d} code lines in all")
    sources = [*files(".py"), *files(".lua")]
    functions = [function for path in sources for function in functions_of(path).values()]
    middle = median(len(function.code) for function in functions)
    print(f"{len(sources)} files, {len(functions)} functions of {middle:.0f} lines of code at the median")
    for function in sorted(functions, key=lambda f: -len(f.code)):
        if len(function.code) > FUNCTION_LINES:
            print(f"  {len(function.code):4d} lines of code: {function.file}: {function.name}")
    print("A policy is named in")
    for file, line in policy_namers():
        print(f"  {file}:{line}")


if __name__ == "__main__":
    main()
