"""docs/api.md says what the API does: its examples are what a service answers, and its tables are complete."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.routing import Route

from service.access.keys import SCOPES, Access
from service.api.application import build_api
from service.api.problems import STATUS
from tests.docs.examples import MARKED, PAGE, play
from tests.docs.pages import PAGES, ROOT, Page, constant_in_lua, rows, words

PLACEHOLDER = re.compile(r"\{\w+\}")


# Examples


async def test_every_example_is_what_a_service_answers() -> None:
    shown = await play()
    written = {place[2]: place[0] for place in MARKED.finditer(PAGE.text)}
    assert written.keys() == shown.keys()
    for name, block in shown.items():
        assert block in written[name], f"example {name} is old: python -m tests.docs.examples --write"


# Calls


def routes() -> set[tuple[str, str]]:
    """Method and path of every route, parameters as `{}`."""
    nothing: Any = None  # no request is sent
    app = build_api(store=nothing, access=Access.open(), render_metrics=nothing, docs_enabled=True)
    found = [(method, route.path) for route in app.routes if isinstance(route, Route) for method in route.methods or ()]
    return {(method, PLACEHOLDER.sub("{}", path)) for method, path in found if method != "HEAD"}


def full_path(text: str) -> str:
    """A path as documents write it, `…/pools` for the fleet's pools, with parameters as `{}`."""
    path = text.replace("…/", "/v1/fleets/{fleet}/").partition("?")[0].rstrip("/") or "/"
    return PLACEHOLDER.sub("{}", path)


def calls_named(text: str) -> set[tuple[str, str]]:
    """What a document's words in backticks name: `POST …/pools`, also `GET / PUT / DELETE …/pools/{pool_id}`."""
    methods = r"(?:GET|PUT|POST|DELETE)"
    found = re.findall(rf"`({methods}(?:, {methods})*) ((?:/|…/)[^\s`]*)`", text)
    return {(method, full_path(path)) for several, path in found for method in several.split(", ")}


def test_the_page_names_every_call() -> None:
    assert calls_named(PAGE.text) >= routes() - {("GET", "/docs"), ("GET", "/openapi.json")}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_document_names_a_call_that_does_not_exist(page: Page) -> None:
    assert calls_named(page.prose) - routes() <= {("GET", "/")}, "the live page is mounted beside the API"


# Error codes


def refusals() -> Iterator[tuple[str, int]]:
    """Code and status of everything that the service's sources refuse with."""
    for path in (ROOT / "service").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"Refusal", "_problem"}:
                values = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
                if len(values) > 1 and isinstance(values[0], int):
                    yield str(values[1]), values[0]
    yield from ((error.code, status) for error, status in STATUS.items())
    yield "method_not_allowed", 405


def test_the_table_of_errors_has_every_code_with_its_status_and_no_other() -> None:
    documented = {(code, int(status)) for codes, status, *_ in rows(PAGE.section("Errors")) for code in words(codes)}
    of_the_proxy = {("dispatcher_unavailable", 503), ("outcome_unknown", 502), ("outcome_unknown", 504)}
    assert documented - of_the_proxy == set(refusals())


# Leases


def test_the_page_states_how_many_sessions_end_at_a_time_and_when_none_does() -> None:
    text = " ".join(PAGE.prose.split())
    assert f"at most {constant_in_lua('sessions', 'REAP'):g} sessions" in text
    assert f"in the first {constant_in_lua('accounting', 'accounting.HOLD') / 1e6:g} s after an outage" in text


# Access


def test_the_table_of_scopes_has_every_scope() -> None:
    assert [words(scope) for scope, *_ in rows(PAGE.section("Access"))] == [[scope] for scope in SCOPES]
