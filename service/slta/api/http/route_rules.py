"""Route rules: how requests are read, guarded and refused whatever their endpoint does; chosen once a head is parsed.

A proxy asks its route on behalf of a browser, with whatever method, path and headers the browser sent. Proxies hand a
status of 4xx to the browser, even if they are configured to go on without an answer; so every refusal is 503.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from starlette.types import Scope

from slta.api.http.problems import problem_code, problem_of
from slta.api.http.responses import ApiResponse
from slta.models.request_record import PLACE_ROUTE

FLEETS = "/v1/fleets/"
RULES_KEY = "service.rules"
CODE_HEADER = "X-Slta-Code"
KEPT_HEADERS = ("Retry-After", "Connection")
"""Headers of a problem that its refusal keeps."""


class RouteRules:
    """Rules of the routes that clients call themselves."""

    route: str | None = None
    """Path template, whatever follows in the path; None: that of the route which matches."""
    of_proxies = False
    """Whether any method, tail, query, Accept and body will do, of which none is read."""
    max_line = 8192
    """Bytes of the request line; RFC 9112, 3, recommends supporting at least 8000."""
    single_headers: tuple[str, ...] = ()
    """Headers of which a second one is refused."""

    def app_scope(self, scope: Scope) -> Scope:
        """The ASGI scope that the application gets: HEAD is GET whose body the server leaves out."""
        return {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope

    def refusal(self, request_id: str, error: Exception, types: str) -> ApiResponse:
        """Response for an exception; arguments as those of `problem_of`."""
        return problem_of(request_id, error, types)


class ProxyRules(RouteRules):
    """Rules of a route that proxies ask: `route` is its template, `/v1/fleets/{fleet}/` and one word."""

    of_proxies = True
    max_line = 16_384
    """A proxy appends the browser's own path, which may be of 8 KiB itself."""

    def __init__(self, route: str, single_headers: tuple[str, ...]) -> None:
        self.route: str = route
        self.single_headers = single_headers
        self.name = route.rpartition("/")[2]
        self.match = re.compile(rf"{FLEETS}[^/]+/{self.name}(?:/|\Z)").match

    def app_scope(self, scope: Scope) -> Scope:
        """The scope of `GET` of the route for a request of any method, tail and query."""
        fleet = scope["path"][len(FLEETS) :].partition("/")[0]
        return {**scope, "method": "GET", "path": f"{FLEETS}{fleet}/{self.name}", "query_string": b""}

    def refusal(self, request_id: str, error: Exception, types: str) -> ApiResponse:
        """503 with the code of the problem as a header and the problem document as body."""
        problem = problem_of(request_id, error, types, HTTPStatus.SERVICE_UNAVAILABLE)
        kept = {name: problem.headers[name] for name in KEPT_HEADERS if name in problem.headers}
        return problem._replace(headers={CODE_HEADER: problem_code(error), **kept})


COMMON = RouteRules()
PLACEMENT = ProxyRules(PLACE_ROUTE, ("X-Session-Id", "X-Slta-Lease", "X-Slta-Session-Type"))
PROXY_ROUTES = (PLACEMENT,)


def rules_of(path: str) -> RouteRules:
    """The rules of a decoded path: those of the proxies' route that it is, or is below of, else the common ones."""
    for rules in PROXY_ROUTES:
        if rules.name in path and rules.match(path):  # the first test costs a fifth, and settles an assign
            return rules
    return COMMON
