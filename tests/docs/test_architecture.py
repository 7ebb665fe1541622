"""The pages on architecture and internals have the layers of the import contract, the state's fields, and limits."""

from __future__ import annotations

import tomllib
from typing import Any

from tests.docs.pages import ROOT, Page, alternatives, rows, words
from tests.inventory import each

PAGE = Page(ROOT / "docs/maintainers/internals.md")
PAGES = (PAGE, Page(ROOT / "docs/architecture.md"), Page(ROOT / "docs/maintainers/one-assign.md"))
PROSE = " ".join(word for page in PAGES for word in page.prose.split())
FOLDERS_SECTION = PAGE.section("Where things are")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
FOLDERS = ("service", "clients", "loadgen", "demo", "integrations", "experiments", "planning")
PACKAGES = {"slta": "service", "slta_client": "clients", **{f"slta_{folder}": folder for folder in FOLDERS[2:]}}
SERVICE = ROOT / "service/slta"


def layers() -> list[list[str]]:
    return [words(first) for first, *_ in rows(PAGE.section("Layers"))]


def contract(name: str) -> dict[str, Any]:
    return next(one for one in CONTRACTS if one["id"] == name)


def in_folder(module: str) -> str:
    """A module by its folder: `slta_demo.run` is in `demo.run`."""
    package, *rest = module.split(".")
    return ".".join((PACKAGES[package], *rest))


def test_the_layers_are_those_of_the_import_contract() -> None:
    assert layers() == [layer.split(" | ") for layer in contract("rooms")["layers"]]


def test_every_package_and_module_of_the_service_is_in_a_layer() -> None:
    modules = {path.stem for path in SERVICE.glob("*.py")} - {"__init__"}
    folders = {path.parent.name for path in SERVICE.glob("*/__init__.py")}
    assert {name for layer in layers() for name in layer} == modules | folders


@each("folder", FOLDERS)
def test_what_a_folder_must_not_import_is_what_the_contracts_forbid_it(folder: str) -> None:
    forbidden = {
        in_folder(module)
        for one in CONTRACTS
        if one["type"] == "forbidden" and [PACKAGES.get(name) for name in one["source_modules"]] == [folder]
        for module in one["forbidden_modules"]
        if module.split(".")[0] in PACKAGES
    }
    (row,) = (row for row in rows(FOLDERS_SECTION) if words(row[1]) == [folder])
    assert {module for word in words(row[3]) for module in alternatives(word)} == forbidden


def test_a_path_in_the_service_that_the_page_names_exists() -> None:
    packages = {path.parent.name for path in SERVICE.glob("*/__init__.py")}
    named = [
        path for span in PAGE.spans if span.split("/")[0] in packages and "/" in span for path in alternatives(span)
    ]
    assert [path for path in named if not (SERVICE / path).exists()] == []
    assert len(named) > 20
