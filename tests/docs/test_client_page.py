"""docs/client.md names every example, and generates clients by the commands that the contract's tests run."""

from __future__ import annotations

import re

from tests.contract.test_generated_programs import GO_GENERATOR, GO_OPTIONS, NPM_PACKAGES, TYPE_OPTIONS
from tests.docs.pages import ROOT, Page, alternatives

PAGE = Page(ROOT / "docs/client.md")
TYPESCRIPT, GO = [block for block in PAGE.blocks("sh") if "openapi.json" in block]


def test_it_names_every_example() -> None:
    named = {word for word in PAGE.spans if word.startswith("examples/")}
    assert named == {str(path.relative_to(ROOT)) for path in (ROOT / "examples/client").glob("*.py")}


def test_a_client_in_typescript_is_generated_by_the_packages_and_the_command_of_the_tests() -> None:
    installed = re.search(r"npm install (.*)", TYPESCRIPT)
    assert installed is not None
    assert set(installed[1].split()) == {name for name in NPM_PACKAGES if name.startswith("openapi-")}
    assert f"openapi-typescript openapi.json {' '.join(TYPE_OPTIONS)} --output generated.d.ts" in TYPESCRIPT


def test_a_client_in_go_is_generated_by_the_package_and_the_command_of_the_tests() -> None:
    assert f"pip install '{GO_GENERATOR}'" in GO
    assert "generate --generator-name go --input-spec openapi.json --output generated" in GO
    assert f"--additional-properties={GO_OPTIONS}" in GO


def test_the_programs_that_use_them_exist() -> None:
    (programs,) = (word for word in PAGE.spans if word.startswith("tests/contract/clients/"))
    assert all((ROOT / path).is_file() for path in alternatives(programs))
