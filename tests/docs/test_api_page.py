"""docs/api.md says what the API does: its examples are what a service answers."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

from starlette.routing import Route

from slta.api.app import build_api
from slta.api.http.openapi import ERRORS, EXAMPLES, MEANINGS, OF_PROXIES
from slta.api.http.responses import HttpError, problem_of
from slta.auth.keys import Access
from tests.docs.examples import MARKED, PAGE, play
from tests.docs.pages import PAGES, ROOT, Page
from tests.inventory import each

PLACEHOLDER = re.compile(r"\{\w+\}")


# Examples


async def test_every_example_is_what_a_service_answers() -> None:
    shown, examples = await play()
    assert json.loads(EXAMPLES.read_text(encoding="utf-8")) == examples, "python -m tests.docs.examples"
    written = {place[2]: place[0] for place in MARKED.finditer(PAGE.text)}
    assert written.keys() == shown.keys()
    for name, block in shown.items():
        assert block in written[name], f"example {name} is old: python -m tests.docs.examples"


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


def test_the_reference_names_every_call() -> None:
    assert calls_named(Page(ROOT / "docs/endpoints.md").text) >= routes() - {("GET", "/docs"), ("GET", "/openapi.json")}


@each("page", PAGES)
def test_no_document_names_a_call_that_does_not_exist(page: Page) -> None:
    assert calls_named(page.prose) - routes() <= {("GET", "/")}, "the live page is mounted beside the API"


# Error codes


def refusals() -> Iterator[tuple[str, int]]:
    """Code and status of everything that the service's sources refuse with."""
    for path in (ROOT / "service").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"HttpError", "_problem"}:
                values = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
                if len(values) > 1 and isinstance(values[0], int):
                    yield str(values[1]), values[0]
    yield from ((error.code, error.status) for error in ERRORS)
    yield "method_not_allowed", 405


def test_the_codes_of_the_openapi_document_are_those_that_the_sources_refuse_with() -> None:
    assert {(code, meaning.status) for code, meaning in MEANINGS.items() if code not in OF_PROXIES} == set(refusals())


def test_the_proxy_s_answers_are_problem_documents_of_documented_codes() -> None:
    text = (ROOT / "deploy/haproxy/haproxy.cfg").read_text(encoding="utf-8")
    answers = re.findall(r"http-error status (\d+) .* '(.*)'", text)
    assert {json.loads(body)["code"] for _, body in answers} == {"outcome_unknown", *OF_PROXIES}
    for status, body in answers:
        answer = json.loads(body)
        error = HttpError(int(status), answer["code"], answer["detail"])
        assert json.loads(problem_of("", error).body) == answer | {"request_id": ""}
