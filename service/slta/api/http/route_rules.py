"""The placement route's rules outside its endpoint: which requests are for it, and how they are refused.

A proxy asks it on behalf of a browser, with whatever method, path and headers the browser sent. Proxies hand a status
of 4xx to the browser, even if they are configured to go on without an answer; so every refusal is 503.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from starlette.types import Scope

from slta.api.http.problems import problem_code, problem_of
from slta.api.http.responses import ApiResponse

FLEETS = "/v1/fleets/"
PLACE = "place"
CODE_HEADER = "X-Slta-Code"
KEPT_HEADERS = ("Retry-After", "Connection")
"""Headers of a problem that its refusal keeps."""

_match = re.compile(rf"{FLEETS}[^/]+/{PLACE}(?:/|\Z)").match


def is_placement(path: str) -> bool:
    """Whether a decoded path is `/v1/fleets/{fleet}/place` or below it."""
    return PLACE in path and _match(path) is not None  # the first test costs a fifth, and settles an assign


def placement_scope(scope: Scope) -> Scope:
    """The ASGI scope of `GET …/place` for a request of any method, tail and query."""
    fleet = scope["path"][len(FLEETS) :].partition("/")[0]
    return {**scope, "method": "GET", "path": f"{FLEETS}{fleet}/{PLACE}", "query_string": b""}


def placement_refusal(request_id: str, error: Exception) -> ApiResponse:
    """503 with the code of the problem as a header and the problem document as body."""
    problem = problem_of(request_id, error, HTTPStatus.SERVICE_UNAVAILABLE)
    kept = {name: problem.headers[name] for name in KEPT_HEADERS if name in problem.headers}
    return problem._replace(headers={CODE_HEADER: problem_code(error), **kept})
