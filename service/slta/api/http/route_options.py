"""Route options: scopes, body limits and error codes, declared beside the endpoint; and route rules.

Rules are how requests are read, guarded and refused whatever their endpoint does; chosen once a head is parsed. A proxy
asks its route on behalf of a browser, with whatever method, path and headers the browser sent. Proxies hand a status of
4xx to the browser, even if they are configured to go on without an answer; so every refusal is 503.
"""

import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Literal, TypeVar

from starlette.types import Scope

from slta.api.http.responses import ApiResponse, HttpError, problem_code, problem_of
from slta.auth.keys import Scope as KeyScope
from slta.models.errors import DispatchError
from slta.models.request_record import PLACE_ROUTE
from slta.parsing.strict_json import MAX_MEMBERS

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


KIB = 1024
SMALL_BODY = 64 * KIB
FLEET_BODY = 256 * KIB
"""A table of 16,384 utilities fits."""
BATCH_BODY = 1024 * KIB
UNCOUNTED_BYTES = KIB
"""Bodies up to this size are exempt from the body budget and the count of parts: 4 MiB in total for 4,096 connections.
So a client with an exhausted budget can still assign and complete."""
SMALL_PARTS = 64
FLEET_PARTS = 20_000
"""16,384 levels in 64 tables, each with a u(0), and about 10 parts for each class."""

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class RouteOptions:
    """Options of a route.

    `scopes`: one of them is required; empty: public. `body_bytes`: maximum body size. `body_parts`: maximum number
    of `[`, `{` and `,` in the body, counted before parsing. `body_members`: maximum members of an object in it.
    `offers`: media types of the response. `invalid`: error for a body that fails validation. `free_query`: the
    endpoint validates or ignores the query. `hot`: shed under overload; where its operations queue. `rules`: of the
    route's path. `operations`: maximum operations in one request. `refuses`: errors of the store specific to this
    route (`openapi` has the shared ones).
    """

    scopes: AbstractSet[KeyScope]
    body_bytes: int = SMALL_BODY
    body_parts: int = SMALL_PARTS
    body_members: int = MAX_MEMBERS
    offers: tuple[str, ...] = ("application/json",)
    invalid: type[DispatchError] | None = None
    free_query: bool = False
    hot: Literal["", "sessions", "pools"] = ""
    rules: RouteRules = COMMON
    operations: int = 1
    refuses: tuple[type[DispatchError], ...] = ()

    def __call__(self, endpoint: Endpoint) -> Endpoint:
        """Declare them for an endpoint."""
        endpoint.route_options = self  # type: ignore[attr-defined]
        return endpoint

    def validation_error(self, detail: str) -> Exception:
        """Error for a body or parameter that fails validation."""
        return self.invalid(detail) if self.invalid else HttpError(422, "invalid_request", detail)


allow = RouteOptions
"""Declare an endpoint's options; goes below the route decorator."""
public = partial(RouteOptions, frozenset())
"""Declare an endpoint that requires no key."""


def route_options_of(endpoint: Callable[..., Any]) -> RouteOptions:
    """Options of an endpoint; TypeError if none were declared."""
    route_options = getattr(endpoint, "route_options", None)
    if not isinstance(route_options, RouteOptions):
        raise TypeError(f"{endpoint.__qualname__} declares neither @allow(…) nor @public()")
    return route_options
