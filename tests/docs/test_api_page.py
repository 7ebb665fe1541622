"""docs/api.md says what the API does: its examples are what a service answers."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from starlette.routing import Route

from slta.api.app import build_api
from slta.api.http.codes import ERRORS, MEANINGS, OF_PROXIES
from slta.api.http.openapi import EXAMPLES
from slta.api.http.problems import HttpError, problem_of
from slta.api.pool_schemas import PoolStatusBody
from slta.auth.keys import SCOPES, Access
from slta.core.policies import POLICIES
from slta.models import errors
from slta.views.state import ClassObservation, Observation, observe_state
from tests.docs.examples import MARKED, PAGE, play
from tests.docs.pages import PAGES, ROOT, Page, constant_in_lua, rows, words
from tests.inventory import each
from tests.views.test_views import SPEC, snapshot

PLACEHOLDER = re.compile(r"\{\w+\}")


# Examples


async def test_every_example_is_what_a_service_answers() -> None:
    shown, examples = await play()
    assert json.loads(EXAMPLES.read_text(encoding="utf-8")) == examples, "python -m tests.docs.examples"
    written = {place[2]: place[0] for place in MARKED.finditer(PAGE.text)}
    assert written.keys() == shown.keys()
    for name, block in shown.items():
        assert block in written[name], f"example {name} is old: python -m tests.docs.examples"


def test_the_members_of_a_state_that_are_said_to_be_null_under_jlmu_are() -> None:
    taken = snapshot([2, 1], [2, 2], rank=2, min_green=2)
    seen = [observe_state(taken, replace(SPEC, policy=POLICIES[name])) for name in ("jlmu", "slta")]
    jlmu, slta = (asdict(state.classes[0]) | asdict(state) for state in seen)
    null = {name for name, value in jlmu.items() if value is None and slta[name] is not None}
    said = re.findall(r"- `(\w+)`:.*null under JLMU and `observe`", f"{ClassObservation.__doc__}{Observation.__doc__}")
    assert set(said) == null


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
    answers = {status: json.loads(body) for status, body in re.findall(r"http-error status (\d+) .* '(.*)'", text)}
    said = re.findall(r"(50\d)(?: or (50\d))? `(\w+)`", " ".join(Page(ROOT / "docs/errors.md").prose.split()))
    codes = {(status, code) for *statuses, code in said for status in statuses if status}
    assert {(status, answer["code"]) for status, answer in answers.items()} == codes
    for status, answer in answers.items():
        error = HttpError(int(status), answer["code"], answer["detail"])
        assert json.loads(problem_of("", error).body) == answer | {"request_id": ""}


# Limits of one call


def test_how_much_one_change_of_pools_may_concern_is_stated() -> None:
    lua = (ROOT / "service/slta/store/lua/pools/statuses.lua").read_text(encoding="utf-8")
    [limits] = re.findall(r"^local MAX_POOLS, MAX_SESSIONS, MAX_LEVELS = (\d+), (\d+), (\d+)$", lua, re.MULTILINE)
    pools, sessions, levels = map(int, limits)
    assert f"{sessions:,} sessions on pools that change, and {levels} levels" in (PoolStatusBody.__doc__ or "")
    assert f"{pools:,} pools, {sessions:,} sessions and {levels:,} levels" in str(errors.ChangeTooLargeError())


# Leases


def test_the_page_states_how_many_sessions_end_at_a_time_and_when_none_does() -> None:
    text = " ".join(PAGE.prose.split())
    assert f"at most {constant_in_lua('sessions/leases', 'MAX_REAPED'):g} sessions" in text
    assert f"in the first {constant_in_lua('state/fleet_time', 'HOLD') / 1e6:g} s after an outage" in text


# Access


def test_the_table_of_scopes_has_every_scope() -> None:
    listed = rows(Page(ROOT / "docs/operations.md").section("Keys"))
    assert [words(scope) for scope, *_ in listed] == [[scope] for scope in SCOPES]
