"""docs/client.md and docs/client-protocol.md: examples run; tables, limits and generators are those of the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import slta_client
from slta import release
from slta.api.http.openapi import MEANINGS
from slta_client import metrics, replies
from slta_client.rules import OWN, Rule, rule_of
from testbed.live_fleet import Fleet
from tests.client.conftest import NewFleet
from tests.contract.test_generated_programs import GO_GENERATOR, GO_OPTIONS, NPM_PACKAGES, TYPE_OPTIONS
from tests.docs.pages import ROOT, Page, alternatives, documented_metrics, rows, words

PAGE = Page(ROOT / "docs/client.md")
PROTOCOL = Page(ROOT / "docs/client-protocol.md")
PROSE = " ".join(f"{PAGE.prose} {PROTOCOL.prose}".split())
TRANSPORT = (replies.UNREACHABLE, replies.TIMEOUT, replies.DISCONNECTED, replies.BUSY, replies.INVALID)
"""Codes without a reply."""


def play(example: int, fleet: Fleet, page: Page = PAGE) -> None:
    """Run an example of the page on a fleet."""
    code = page.blocks("python")[example].replace("http://127.0.0.1:8080", fleet.service.url)
    exec(code.replace('"tiny"', f'"{fleet.name}"'), {"__name__": "example"})  # noqa: S102 - from the page


@pytest.mark.parametrize("example", [0, 1])
def test_ten_lines_of_example_place_a_session(fleet: Fleet, capsys: pytest.CaptureFixture[str], example: int) -> None:
    assert sum(bool(line.strip()) for line in PAGE.blocks("python")[example].splitlines()) <= 10
    play(example, fleet)
    assert re.fullmatch(r"c-\d c 10\.0\.0\.\d:80\n", capsys.readouterr().out)
    assert (fleet.counter("completed"), fleet.live) == (1, 0)


def test_the_program_of_the_package_page_places_a_session(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    play(0, fleet, Page(ROOT / "clients/python/README.md"))
    assert re.fullmatch(r"c-\d 10\.0\.0\.\d:80\n", capsys.readouterr().out)


def test_the_example_of_the_fallback_places_a_session(
    fleet: Fleet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    play(2, fleet)
    assert re.fullmatch(r"slta c-\d 10\.0\.0\.\d:80\n", capsys.readouterr().out)


@pytest.mark.slow
def test_the_example_of_threads_reports_a_full_fleet(new_fleet: NewFleet, capsys: pytest.CaptureFixture[str]) -> None:
    fleet = new_fleet(pools=1, capacity=1)
    fleet.call("POST", "assign")
    play(1, fleet)
    assert capsys.readouterr().out == "full for 5 s\n"


def row(rule: Rule) -> tuple[str, ...]:
    again = "with `wait`" if rule.error is slta_client.NoCapacityError else "yes" if rule.retry else ""
    yes = {True: "yes", False: ""}
    soon = "after 50 ms" if rule.soon else again
    return soon, yes[rule.in_doubt], yes[rule.next_fleet], yes[rule.away], f"`{rule.error.__name__}`"


def test_the_table_of_retries_is_that_of_the_code() -> None:
    table = {code: tuple(rest) for codes, *rest in rows(PROTOCOL.section("Retries")) for code in words(codes)}
    found = [replies.Reply(meaning.status, code, {}) for code, meaning in MEANINGS.items()]
    found += [replies.failed(code) for code in TRANSPORT]
    others = ("too_many_viewers", "advice_withheld")  # of calls that no client of sessions makes
    rules_of = {reply.code: rule_of(reply) for reply in found if reply.code not in others}
    assert table == {code: row(rule) for code, rule in rules_of.items() if rule != Rule(slta_client.RefusedError)}
    assert OWN.keys() <= rules_of.keys()


def test_the_page_has_every_metric_with_its_type_labels_and_help() -> None:
    shown: dict[str, Any] = {
        f"slta_client_{name}_total": ("counter", list(labels), text)
        for name, (text, labels) in metrics.FAMILIES.items()
    }
    shown |= {f"slta_client_{name}": ("gauge", [], text) for name, text in metrics.GAUGES.items()}
    assert documented_metrics(PAGE) == shown


def test_the_page_has_every_error() -> None:
    named = {words(error)[0] for error, *_ in rows(PAGE.section("Errors"))}
    assert named == {name for name in slta_client.__all__ if name.endswith("Error")} - {"PlacementError"}


def test_the_version_is_that_of_the_service_and_its_package_is_built_with_it() -> None:
    project = tomllib.loads((ROOT / "clients/python/pyproject.toml").read_text(encoding="utf-8"))
    assert slta_client.__version__ == release()
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "slta_client.release.VERSION"}
    assert [name.partition(">")[0] for name in project["project"]["dependencies"]] == ["aiohttp"]


TYPESCRIPT, GO = [block for block in PROTOCOL.blocks("sh") if "openapi.json" in block]


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
    (programs,) = (word for word in PROTOCOL.spans if word.startswith("tests/contract/clients/"))
    assert [path for path in alternatives(programs) if not (ROOT / path).is_file()] == []
