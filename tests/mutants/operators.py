"""Mutation operators: six kinds of small mistakes in Python and Lua, each of which changes one span of a source text.

A syntax tree finds the spans, so that comments, strings and docstrings are never changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from math import inf
from typing import NamedTuple

import tree_sitter_lua
import tree_sitter_python
from tree_sitter import Language, Node, Parser

LANGUAGES = {".py": Language(tree_sitter_python.language()), ".lua": Language(tree_sitter_lua.language())}
COMPARISONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
COMPARISONS |= {"is": "is not", "is not": "is", "in": "not in", "not in": "in"}
ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*", "//": "*", "%": "+", "^": "*", "**": "*", "@": "*"}
ARITHMETIC |= {"<<": ">>", ">>": "<<", "&": "|", "|": "&"}
COMPARING, COMPUTING = {"comparison_operator", "binary_expression"}, {"binary_operator", "binary_expression"}
WORDS = {"true": "false", "false": "true", "True": "False", "False": "True"}
CONDITIONAL = {"if_statement", "elseif_statement", "elif_clause", "while_statement", "repeat_statement"}
FUNCTIONS = {"function_definition", "function_declaration", "lambda"}
STATEMENTS = {
    *("expression_statement", "assignment_statement", "function_call", "return_statement", "break_statement"),
    *("raise_statement", "continue_statement", "delete_statement"),
}
"""Statements that are dropped. A declaration is none: what reads it would not even load."""
ALIKE = {"max": 0, "min": 0, "union": 0, "intersection": 0, "gcd": 0, "lcm": 0, "isclose": 0}
"""Functions that take their arguments in any order, from the one with this number on."""
ALIKE |= {"SADD": 2, "SREM": 2, "ZREM": 2, "HDEL": 2, "DEL": 1, "UNLINK": 1, "EXISTS": 1, "TOUCH": 1, "BITOP": 3}
ALIKE |= {"SUNION": 1, "SINTER": 1, "SUNIONSTORE": 2, "SINTERSTORE": 2, "PFADD": 2}
"""Commands of a store that do, where the first argument is their name."""


class Mutation(NamedTuple):
    """The bytes from `start` to `end` of a file, `before`, become `after`."""

    file: str
    operator: str
    line: int
    start: int
    end: int
    before: str
    after: str

    def __str__(self) -> str:
        before, after = (" ".join(text.split()) or "nothing" for text in (self.before, self.after))
        return f"{self.file}:{self.line}: {self.operator}: {before} → {after}"


Spans = Iterator[tuple[Node, Node, str]]
"""First and last node of a span, and the text that takes its place."""


def comparisons(node: Node, suffix: str) -> Spans:
    """`<` becomes `<=`, equal becomes unequal, and so on."""
    if node.type in COMPARING:
        for operator in _operators(node):
            if after := COMPARISONS.get(_text(operator).replace("~=", "!=")):
                yield operator, operator, after.replace("!=", "~=") if suffix == ".lua" else after


def arithmetic(node: Node, _: str) -> Spans:
    """`+` becomes `-`, `*` becomes `/`, also where a result is assigned at once."""
    if node.type in COMPUTING or node.type == "augmented_assignment":
        for operator in _operators(node):
            assigns = "=" if node.type == "augmented_assignment" else ""
            if after := ARITHMETIC.get(_text(operator).removesuffix(assigns)):
                yield operator, operator, after + assigns


def constants(node: Node, _: str) -> Spans:
    """A number becomes the next one, true becomes false."""
    text = _text(node)
    if node.type in {"number", "integer", "float"}:
        yield node, node, f"({text} + 1)"
    elif node.is_named and node.type.lower() in WORDS:
        yield node, node, WORDS[text]


def conditions(node: Node, _: str) -> Spans:
    """The condition of a branch, a loop or a comprehension is negated."""
    condition = node.child_by_field_name("condition") if node.type in CONDITIONAL else None
    condition = node.named_children[0] if node.type == "if_clause" else condition
    condition = node.named_children[1] if node.type == "conditional_expression" else condition
    if condition is not None:
        yield condition, condition, f"(not ({_text(condition)}))"


def statements(node: Node, suffix: str) -> Spans:
    """A statement of a function is dropped."""
    if node.type in STATEMENTS and node.parent is not None and node.parent.type == "block" and _in_function(node):
        is_docstring = node.type == "expression_statement" and node.named_children[0].type == "string"
        if not is_docstring:
            yield node, node, "pass" if suffix == ".py" else ""


def arguments(node: Node, _: str) -> Spans:
    """Two neighbouring arguments of a call are swapped, unless the call takes them in any order."""
    if node.type in {"arguments", "argument_list"}:
        plain = [child for child in node.named_children if child.type not in {"comment", "keyword_argument"}]
        plain = [child for child in plain if "splat" not in child.type and child.type != "vararg_expression"]
        for number, (first, second) in enumerate(pairwise(plain)):
            if _text(first) != _text(second) and number < _alike(node, plain[0]):
                between = node.text[first.end_byte - node.start_byte : second.start_byte - node.start_byte].decode()
                yield first, second, _text(second) + between + _text(first)


def _alike(node: Node, first: Node) -> float:
    """From which argument on a call takes its arguments in any order."""
    called = re.findall(r"\w+", _text(node.prev_sibling))[-1:] if node.prev_sibling else []
    names = [name for name in (_text(first).strip("'\""), *called) if name in ALIKE]
    return min((ALIKE[name] for name in names), default=inf)


OPERATORS: dict[str, Callable[[Node, str], Spans]] = {
    "comparison": comparisons,
    "arithmetic": arithmetic,
    "constant": constants,
    "condition": conditions,
    "statement": statements,
    "arguments": arguments,
}


def mutations(file: str, source: bytes) -> Iterator[Mutation]:
    """All of a file, in the order of its text."""
    suffix = file[file.rindex(".") :]
    for node in _walk(Parser(LANGUAGES[suffix]).parse(source).root_node):
        for name, operator in OPERATORS.items():
            for first, last, after in operator(node, suffix):
                before = source[first.start_byte : last.end_byte].decode()
                line = first.start_point[0] + 1
                yield Mutation(file, name, line, first.start_byte, last.end_byte, before, after)


def _walk(node: Node) -> Iterator[Node]:
    if node.type not in {"type", "ERROR"}:  # annotations are not run; the grammar has no `return *await x, y`
        yield node
        for child in node.children:
            yield from _walk(child)


def _operators(node: Node) -> list[Node]:
    return node.children_by_field_name("operator") + node.children_by_field_name("operators")


def _in_function(node: Node | None) -> bool:
    return node is not None and (node.type in FUNCTIONS or _in_function(node.parent))


def _text(node: Node) -> str:
    return (node.text or b"").decode()
