"""The house's own figures: how long functions and modules are, who names a policy, how far one assign has to go.

A line of code is one that has more than a comment or a docstring on it.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from service.core.policies import POLICIES

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("service", "demo", "loadgen", "experiments", "planning", "benchmarks", "faults", "deploy")
FUNCTION_LINES = 40
"""Lines of code that a function may have."""
MODULE_LINES = 250
"""Lines of any kind that a module may have."""

COMPARING = {"benchmarks", "experiments", "planning"}
"""Rooms that compare the policies, so they may name them."""

WAY: Mapping[str, tuple[str, ...]] = {
    "service/api/direct.py": ("Direct.answer", "Direct._call"),
    "service/api/sessions.py": ("assign",),
    "service/store/sessions.py": ("Sessions.assign",),
    "service/store/batching.py": (
        "Operations.submit",
        "Batcher._send_all",
        "Batcher._call",
        "Batcher._send",
    ),
    "service/store/caller.py": ("Caller.send_stamped", "Caller._run", "Caller._attempt", "Caller._exchange"),
    "service/store/lua/library.lua": ("batch",),
    "service/store/lua/batches.lua": ("batches.run", "run_batch"),
    "service/store/lua/gather.lua": ("gather.set",),
    "service/store/lua/sessions.lua": ("sessions.assign", "sessions.begin", "write"),
    "service/store/lua/policies.lua": ("policies.tell",),
    "service/store/lua/slta.lua": ("slta.judge", "slta.choose", "choose_slta"),
    "service/store/lua/choice.lua": ("choice.pick", "choice.bit_with_token"),
    "service/store/lua/rows.lua": ("rows.select", "bytes_of", "find_bit", "find_in_byte"),
}
"""The way of one assign, file → functions: those that wait for their callee when the session's record is written, from
the task that the connection's protocol makes on, and those that choose its pool.

Not what they look up on the way: who asks, the body's bytes, the fleet's fields, the names of keys. An inner function
counts with the one it is in. `tests/api/test_way_of_assign.py` follows a real assign.
"""

POLICY_WORDS = {*POLICIES, *(name.replace("-", "_") for name in POLICIES)}
POLICY_CLASSES = {"Slta", "SltaGreedy", "Jlmu", "Observe"}
LUA_POLICY = re.compile(rf"\b(?:{'|'.join(POLICY_WORDS)})\b(?!_)")
QUOTED_POLICY = re.compile(rf"""["'](?:{"|".join(POLICY_WORDS)})["']""")

NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


class Function(NamedTuple):
    """`name` is qualified: `Store.assign`, `sessions.assign`. Line numbers count from 1."""

    file: str
    name: str
    code: frozenset[int]
    refusals: frozenset[int]
    """Those of `code` that only refuse: branches that end in a refusal, and handlers of exceptions."""


def files(*suffixes: str) -> Iterator[Path]:
    """The files of every room, in order."""
    for room in ROOMS:
        yield from sorted(path for path in (ROOT / room).rglob("*") if path.suffix in suffixes)


def long_modules() -> Mapping[str, int]:
    """Modules above the limit, with their lines."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files(".py", ".lua", ".js")}
    return {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > MODULE_LINES}


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
        refusals = {line for inner in ast.walk(node) for line in _python_refusal(inner)}
        yield Function(file, name, code & _lines(node), code & refusals)


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


def _python_refusal(node: ast.AST) -> frozenset[int]:
    if isinstance(node, ast.ExceptHandler):
        return _lines(node)
    if isinstance(node, ast.If) and _refuses(node.body[-1]):
        last = node.body[-1].end_lineno or node.lineno
        return frozenset(range(node.lineno, last + 1))
    return frozenset()


def _refuses(last: ast.stmt) -> bool:
    """`raise …` or `return problem(…)`."""
    if isinstance(last, ast.Return) and isinstance(last.value, ast.Call):
        return isinstance(last.value.func, ast.Name) and last.value.func.id == "problem"
    return isinstance(last, ast.Raise)


def _lines(node: Any) -> frozenset[int]:
    return frozenset(range(node.lineno, node.end_lineno + 1))


LUA_FUNCTION = re.compile(r"(?:local )?function ([\w.]+)\(")
LUA_REFUSAL = re.compile(r"\s*return (?:refusal$|(?:nil, |\{ )'[A-Z_]+')")
"""An outcome that is returned early, or a word for why there is none."""


def lua_functions(file: str, text: str) -> Iterator[Function]:
    """Functions at column 0; ours are indented by two blanks a level."""
    lines = text.splitlines()
    code = {number for number, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith("--")}
    for start, line in enumerate(lines, 1):
        if match := LUA_FUNCTION.match(line):
            end = next(number for number in range(start, len(lines) + 1) if lines[number - 1].startswith("end"))
            own = frozenset(code & set(range(start, end + 1)))
            yield Function(file, match[1], own, own & frozenset(_lua_refusals(lines, start, end)))


def _lua_refusals(lines: list[str], start: int, end: int) -> Iterator[int]:
    for begin in range(start, end):
        indent = re.match(r"( *)(?:else)?if .* then$", lines[begin - 1])
        if not indent:
            continue
        close = next(n for n in range(begin + 1, end + 1) if re.match(rf"{indent[1]}(?:end|else)", lines[n - 1]))
        if LUA_REFUSAL.match(lines[close - 2]):
            is_over = lines[close - 1] == f"{indent[1]}end"
            yield from range(begin, close + is_over)


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


def way_lines() -> Mapping[str, frozenset[int]]:
    """File → its lines of code on the way of one assign, without those that only refuse."""
    found: dict[str, frozenset[int]] = {}
    for file, names in WAY.items():
        functions = functions_of(ROOT / file)
        on_the_way = (functions[name].code - functions[name].refusals for name in names)
        found[file] = frozenset().union(*on_the_way)
    return found


def main() -> None:
    """Print them."""
    sources = [*files(".py"), *files(".lua")]
    functions = [function for path in sources for function in functions_of(path).values()]
    middle = median(len(function.code) for function in functions)
    print(f"{len(sources)} files, {len(functions)} functions of {middle:.0f} lines of code at the median")
    for function in sorted(functions, key=lambda f: -len(f.code)):
        if len(function.code) > FUNCTION_LINES:
            print(f"  {len(function.code):4d} lines of code: {function.file}: {function.name}")
    for file, length in long_modules().items():
        print(f"  {length:4d} lines: {file}")
    print("A policy is named in")
    for file, line in policy_namers():
        print(f"  {file}:{line}")
    print(f"One assign: {sum(map(len, way_lines().values()))} lines of code in {len(WAY)} files")
    for file, lines in way_lines().items():
        print(f"  {len(lines):4d} {file}")


if __name__ == "__main__":
    main()
