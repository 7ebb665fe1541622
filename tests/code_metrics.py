"""Code lines by folder and by subject, ratio of tests to code, length of Lua functions.

A code line holds more than a comment or a docstring.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
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
RATIOS = {"api": 1.3, "client": 1.3, "runtime": 1.3, "integrations": 1.3}
"""Code lines of tests for one of code, at most, by folder of `tests`; 1.0 for others."""
UNMEASURED = {"deploy"}
"""Its code is configuration, which is not counted."""
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
LUA_FUNCTION = re.compile(r"^(?:local )?function ([\w.]+)\(.*?^end", re.MULTILINE | re.DOTALL)
"""A function at column 0; ours are indented by two blanks a level."""


def code_lines(text: str, suffix: str) -> int:
    """Lines of a file that are neither blank nor comment nor docstring."""
    if suffix == ".py":
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        code = {line for one in tokens if one.type not in NO_CODE for line in range(one.start[0], one.end[0] + 1)}
        return len(code - _docstrings(text))
    comment = {".lua": "--", ".js": "//"}.get(suffix, "#")
    return sum(bool(line.strip()) and not line.lstrip().startswith(comment) for line in text.splitlines())


def _docstrings(text: str) -> set[int]:
    """The lines of strings that stand alone."""
    values = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Expr))
    texts = (node for node in values if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {line for node in texts for line in range(node.lineno, (node.end_lineno or 0) + 1)}


def folder_of(name: str) -> str:
    """Top-level folder of a file, `.` for none; `TABLES` for a table under tests or lab that is no recorded result."""
    folder, slash, _ = name.partition("/")
    is_table = folder in {"tests", "lab"} and name.endswith((".yaml", ".yml", ".toml", ".json"))
    return TABLES if is_table and "results" not in name else folder if slash else "."


def subject_of(name: str) -> str:
    """First subject of `SUBJECTS` whose pattern the path has; `rest` without one."""
    return next((subject for subject, pattern in SUBJECTS.items() if re.search(pattern, name)), "rest")


def counted() -> dict[str, int]:
    """Code lines of each tracked file of Python, Lua and JavaScript, and of tables, by its name."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    names = [name for name in tracked if name.endswith((".py", ".lua", ".js")) or folder_of(name) == TABLES]
    return {name: code_lines((ROOT / name).read_text(encoding="utf-8"), Path(name).suffix) for name in names}


def lines_by(group: Callable[[str], str], lines: dict[str, int]) -> Iterator[str]:
    """A line for each group of names, and their total."""
    found: Counter[str] = Counter()
    for name, count in lines.items():
        found[group(name)] += count
    yield from (f"{count:7,d} {name}" for name, count in sorted(found.items()))
    yield f"{found.total():7,d} code lines in all"


def tested_folder(name: str) -> str:
    """The folder of `tests` that tests a file; empty for a file outside of all folders."""
    parts = name.removeprefix("service/slta/").removeprefix("clients/python/slta_").split("/")
    return parts[0] if len(parts) > 1 else ""


def ratios(lines: dict[str, int]) -> Iterator[str]:
    """A line for each folder with tests and code of one name, with a warning above its limit."""
    tests: Counter[str] = Counter()
    code: Counter[str] = Counter()
    for name, count in lines.items():
        if name.startswith("tests/"):
            tests[tested_folder(name.removeprefix("tests/"))] += count
        else:
            code[tested_folder(name)] += count
    for folder in sorted((tests.keys() & code.keys()) - UNMEASURED - {""}):
        ratio, limit = tests[folder] / code[folder], RATIOS.get(folder, 1.0)
        yield f"{ratio:7.2f} {folder}{f': more than {limit}' if round(ratio, 2) > limit else ''}"


def lua_functions() -> str:
    """How long the functions of Lua are."""
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in ROOT.glob("service/**/*.lua")}
    found = [
        (code_lines(function[0], ".lua"), f"{name}: {function[1]}")
        for name, text in texts.items()
        for function in LUA_FUNCTION.finditer(text)
    ]
    middle, (most, longest) = median(lines for lines, _ in found), max(found)
    return f"{len(found)} functions of Lua, {middle:.0f} code lines at the median, {most} at most ({longest})"


def main() -> None:
    """Print them."""
    lines = counted()
    for group in (folder_of, subject_of):
        print(*lines_by(group, lines), sep="\n")
    print("Code lines of tests for one of code", *ratios(lines), sep="\n")
    print(lua_functions())


if __name__ == "__main__":
    main()
