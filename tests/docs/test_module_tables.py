"""A package whose docstring has a table of its modules names all of them there, and no others."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.code_metrics import FOLDERS
from tests.docs.pages import ROOT, rows
from tests.inventory import each

HEADS = ("| module | owns |", "| folder | owns |")
PACKAGES = [
    path.parent
    for room in FOLDERS
    for path in sorted((ROOT / room).rglob("__init__.py"))
    if any(head in path.read_text(encoding="utf-8") for head in HEADS)
]


def docstring(package: Path) -> str:
    return ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""


def modules(package: Path) -> set[str]:
    """Modules and folders in it, without those with two underscores."""
    files = {path.stem for path in package.glob("*.py")}
    folders = {path.parent.name for path in package.glob("*/__init__.py")}
    return {name for name in files | folders if not name.startswith("__")}


@each("package", PACKAGES)
def test_the_table_has_every_module_and_no_other(package: Path) -> None:
    named = [name.strip() for first, *_ in rows(docstring(package)) for name in first.split(",")]
    assert sorted(named) == sorted(modules(package))


def test_the_map_of_the_paper_and_of_what_is_beside_it_has_every_module_of_core() -> None:
    named = set(re.findall(r"\w+", docstring(ROOT / "service/slta/core")))
    assert modules(ROOT / "service/slta/core") <= named
