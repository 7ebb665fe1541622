"""The fast path: hot routes served without FastAPI, which would take half of the time of such a request.

The FastAPI routes in `routes.sessions` and `routes.operations` are the same functions. They serve the requests that do
not take the fast path; a test sends the same requests both ways and compares every byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import BaseModel
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from slta.api.http.context import RequestContext
from slta.api.http.dependencies import Dependencies
from slta.api.http.guards import RequestGuard
from slta.api.http.parsing import BodyParser, ReadPlain
from slta.api.http.responses import ApiResponse
from slta.api.http.route_options import UNCOUNTED_BYTES, RouteOptions, route_options_of
from slta.api.http.route_rules import FLEETS, PLACEMENT, RouteRules
from slta.api.plain_bodies import plain_session_reader, read_plain_heartbeats, read_plain_operations
from slta.api.pool_schemas import HeartbeatsBody
from slta.api.routes import heartbeats, operations, place, sessions
from slta.api.schemas import AssignBody, CompleteBody, OperationsBody, RenewBody


class FastRoute(NamedTuple):
    """A hot route. `name` is the path after the fleet.

    `endpoint` takes fleet, body, dependencies and context; without a `parser` it takes no body, which stays unread.
    """

    name: str
    path: str
    options: RouteOptions
    parser: BodyParser | None
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
        _route("assign", sessions.assign, AssignBody, plain_session_reader(AssignBody)),
        _route("complete", sessions.complete, CompleteBody, plain_session_reader(CompleteBody)),
        _route("renew", sessions.renew, RenewBody),
        _route("operations", operations.operate, OperationsBody, read_plain_operations),
        _route("pools/heartbeats", heartbeats.send_heartbeats, HeartbeatsBody, read_plain_heartbeats),
    )
}
"""By the path after the fleet; the method is POST."""
FAST_PROXY_ROUTES: Mapping[RouteRules, FastRoute] = {
    rules: FastRoute(rules.name, rules.route, route_options_of(endpoint), None, endpoint)
    for rules, endpoint in ((PLACEMENT, place.place),)
}
"""By their rules; the method is any."""


@dataclass(slots=True)
class FastRequest:
    """Route and fleet that a head matches; `is_checked` once a request with this head has passed the checks of it."""

    route: FastRoute
    fleet: str
    is_checked: bool = False


class FastPath:
    """Handles requests of hot routes. One per process."""

    def __init__(self, guard: RequestGuard, dependencies: Dependencies) -> None:
        self.guard = guard
        self._dependencies = dependencies

    @staticmethod
    def match(scope: Scope, rules: RouteRules) -> FastRequest | None:
        """Match a request to a hot route; None if it is for another route."""
        path: str = scope["path"]
        if not path.startswith(FLEETS):
            return None
        fleet, _, name = path[len(FLEETS) :].partition("/")
        route = FAST_ROUTES.get(name) if scope["method"] == "POST" else None
        route = route or FAST_PROXY_ROUTES.get(rules)
        return FastRequest(route, fleet) if route and fleet else None

    async def respond(
        self, request: FastRequest, scope: Scope, context: RequestContext, body: bytes | Receive
    ) -> ApiResponse:
        """Guard, authorize and execute a request; an exception becomes a problem document.

        `body` is the complete body, or the callable that receives it in pieces. If the client disconnects before the
        last piece, the request is cancelled.
        """
        route, fleet, authorizer = request.route, request.fleet, self._dependencies.authorizer
        status = 0
        try:
            self.guard.begin(scope, context)
            if not request.is_checked:
                self.guard.check(scope, context)
            authorizer.authorize(context, route.options, fleet)
            if route.parser is None:
                response = await route.endpoint(fleet, self._dependencies, context)
            else:
                if request.is_checked and isinstance(body, bytes) and len(body) <= UNCOUNTED_BYTES:
                    model = await route.parser.read(body)
                else:
                    model = await route.parser.receive(context, scope["query_string"], body, authorizer.reserve)
                request.is_checked = True
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
