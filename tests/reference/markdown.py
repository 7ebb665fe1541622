"""Tables of Markdown, and the docstrings below the attributes of a class."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MARKUP = {"*": r"\*", "<": "&lt;"}


def table(head: str, rows: Iterable[Sequence[object]]) -> str:
    """A table whose `head` has the columns' names with ` | ` between."""
    lines = [f"| {head} |", f"|{'---|' * (head.count('|') + 1)}"]
    return "\n".join(lines + [f"| {' | '.join(map(cell, row))} |" for row in rows])


def cell(value: object) -> str:
    """A text on one line, whose pipes end no cell."""
    return re.sub(r"(?<!\\)\|", r"\|", " ".join(str(value).split()))


def paragraph(text: str) -> str:
    """A text of people as lines of a paragraph."""
    return "\n".join(textwrap.wrap(" ".join(prose(text).split()), 120, break_long_words=False, break_on_hyphens=False))


def prose(text: str) -> str:
    r"""A text with links to pages whose stars and angle brackets outside of code are no markup, on the site either."""
    escaped = re.sub(r"(`[^`]*`)|([*<])", lambda found: found[1] or MARKUP[found[2]], text)
    return re.sub(r"\bdocs/([a-z-]+)\.md\b", r"[\1](\1.md)", escaped)


def attribute_docs(kind: type[Any]) -> Mapping[str, str]:
    """The docstring below each attribute of a class and of its bases."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("slta"):
            (node,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
            for name, text in zip(node.body, node.body[1:], strict=False):  # type: ignore[attr-defined]
                if isinstance(name, ast.AnnAssign) and isinstance(name.target, ast.Name) and isinstance(text, ast.Expr):
                    found[name.target.id] = inspect.cleandoc(ast.literal_eval(text.value))
    return found
