"""The fast path: hot routes served without FastAPI, which would take half of the time of such a request.

The FastAPI routes in `routes.sessions` and `routes.operations` are the same functions. They serve the requests that do
not take the fast path; a test sends the same requests both ways and compares every byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from pydantic import BaseModel
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from slta.api.http.bodies import check_accept, check_body, check_query, read_body
from slta.api.http.context import RequestContext
from slta.api.http.dependencies import Dependencies
from slta.api.http.guards import RequestGuard
from slta.api.http.parsing import BodyParser, ReadPlain
from slta.api.http.responses import ApiResponse
from slta.api.http.route_options import RouteOptions, route_options_of
from slta.api.plain_operations import read_plain_operations
from slta.api.routes import operations, sessions
from slta.api.schemas import AssignBody, CompleteBody, OperationsBody, RenewBody

FLEETS = "/v1/fleets/"


class FastRoute(NamedTuple):
    """A hot route. `endpoint` takes fleet, body, dependencies and context; `name` is the segment after the fleet."""

    name: str
    path: str
    options: RouteOptions
    parser: BodyParser
    endpoint: Callable[..., Awaitable[ApiResponse]]


def _route(
    name: str,
    endpoint: Callable[..., Awaitable[ApiResponse]],
    model: type[BaseModel],
    read_plain: ReadPlain | None = None,
) -> FastRoute:
    options = route_options_of(endpoint)
    return FastRoute(name, f"{FLEETS}{{fleet}}/{name}", options, BodyParser(model, options, read_plain), endpoint)


FAST_ROUTES: Mapping[str, FastRoute] = {
    route.name: route
    for route in (
        _route("assign", sessions.assign, AssignBody),
        _route("complete", sessions.complete, CompleteBody),
        _route("renew", sessions.renew, RenewBody),
        _route("operations", operations.operate, OperationsBody, read_plain_operations),
    )
}
"""By the path segment after the fleet; the method is POST."""


class FastRequest(NamedTuple):
    """Matched route and fleet of a request."""

    route: FastRoute
    fleet: str


class FastPath:
    """Handles requests of hot routes. One per process."""

    def __init__(self, guard: RequestGuard, dependencies: Dependencies) -> None:
        self.guard = guard
        self._dependencies = dependencies

    async def respond(
        self, request: FastRequest, scope: Scope, context: RequestContext, body: bytes | Receive
    ) -> ApiResponse:
        """Guard, authorize and execute a request; an exception becomes a problem document.

        `body` is the complete body, or the callable that receives it in pieces. If the client disconnects before the
        last piece, the request is cancelled.
        """
        route, fleet = request
        options, authorizer = route.options, self._dependencies.authorizer
        status = 0
        try:
            self.guard.check(scope, context)
            authorizer.authorize(context, options, fleet)
            check_accept(context, options.offers)
            check_query(scope["query_string"], ())
            if isinstance(body, bytes):
                check_body(context, body, options.body_bytes, authorizer.reserve)
            else:
                body = await read_body(context, body, options.body_bytes, authorizer.reserve)
            model = await route.parser.read(body)
            response = await route.endpoint(fleet, model, self._dependencies, context)
            status = response.status
        except ClientDisconnect:
            raise asyncio.CancelledError from None
        except Exception as error:  # noqa: BLE001 - logged by the guard if unexpected
            response = self.guard.error_response(context, error)
            status = response.status
        finally:
            authorizer.release(context)
            self.guard.finish(scope, context, route.path, status)
        return response


def match_fast_route(scope: Scope) -> FastRequest | None:
    """Match a request to a hot route; None if it is for another route."""
    path: str = scope["path"]
    if scope["method"] != "POST" or not path.startswith(FLEETS):
        return None
    fleet, _, name = path[len(FLEETS) :].partition("/")
    route = FAST_ROUTES.get(name)
    return FastRequest(route, fleet) if route and fleet else None
