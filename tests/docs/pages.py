"""The documents as the tests see them: sections, tables, words in backticks and fenced blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`((?:(?!\n\n)[^`])+)`")


@dataclass(frozen=True)
class Page:
    """One Markdown document of the repository."""

    path: Path

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        """The whole source."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def prose(self) -> str:
        """The source without its fenced blocks."""
        return _FENCED.sub("", self.text)

    @cached_property
    def spans(self) -> list[str]:
        """What stands in backticks, on one line each."""
        return [" ".join(span.split()) for span in _SPAN.findall(self.prose)]

    def blocks(self, language: str) -> list[str]:
        """The fenced blocks in a language."""
        return [body for name, body in _FENCED.findall(self.text) if name == language]

    def section(self, heading: str) -> str:
        """What stands below a heading, up to the next one of the same or a higher level."""
        start = re.search(rf"^(#+) {re.escape(heading)}$", self.text, re.MULTILINE)
        assert start, f"{self} has no section {heading!r}"
        rest = self.text[start.end() :]
        end = re.search(rf"^#{{1,{len(start[1])}}} ", rest, re.MULTILINE)
        return rest[: end.start()] if end else rest


def rows(section: str) -> list[list[str]]:
    """The cells of every row of a section's tables, without the head and the rule below it."""
    lines = [line for line in section.splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rules = {at for at, cells in enumerate(table) if all(set(cell) <= set("-: ") for cell in cells)}
    return [cells for at, cells in enumerate(table) if at not in rules and at + 1 not in rules]


def words(cell: str) -> list[str]:
    """The words in backticks of one cell."""
    return _SPAN.findall(cell)


def documented_metrics(page: Page) -> dict[str, tuple[str, list[str], str]]:
    """Type, labels and help by name, of the table in the page's section Metrics."""
    return {words(name)[0]: (kind, words(labels), text) for name, kind, labels, text in rows(page.section("Metrics"))}


def alternatives(path: str) -> Iterator[str]:
    """`a/{b,c}.py` as `a/b.py` and `a/c.py`."""
    braces = re.search(r"\{([^{}]*)\}", path)
    if braces is None:
        yield path
        return
    for one in braces[1].split(","):
        yield from alternatives(path[: braces.start()] + one + path[braces.end() :])


PAGES = [Page(ROOT / name) for name in NAMES]
PAGES += [Page(path) for folder in ("docs", "lab") for path in sorted((ROOT / folder).rglob("*.md"))]
