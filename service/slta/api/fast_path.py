"""The fast path: hot routes served without FastAPI, which would take half of the time of such a request.

The FastAPI routes in `routes.sessions` and `routes.pools` are the same functions. They serve the requests that do not
take the fast path; a test sends the same requests both ways and compares every byte.

Requests in a plain form are read by a regular expression instead of a JSON parser. The plain form has its members in
one order and names without escapes: of a session `session_id`; of an operation `session_id`, `session_type` (of an
assign) and `lease_seconds`, with at most eight digits before and six after the point; of a heartbeat `pool_id`,
`ttl_seconds` and, if any, `count` and `quality`. Whatever it accepts, the model of the body accepts with the same
values.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

from pydantic import BaseModel
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from slta.api.http.api_route import Dependencies
from slta.api.http.bodies import BodyParser, ReadPlain
from slta.api.http.guards import RequestContext, RequestGuard
from slta.api.http.responses import ApiResponse
from slta.api.http.route_options import FLEETS, PLACEMENT, UNCOUNTED_BYTES, RouteOptions, RouteRules, route_options_of
from slta.api.routes import pools, sessions
from slta.api.schemas import (
    MAX_OPERATIONS,
    MAX_POOLS,
    AssignBody,
    CompleteBody,
    HeartbeatsBody,
    OperationsBody,
    PlainHeartbeats,
    RenewBody,
)
from slta.core.session_types import DEFAULT_TYPE
from slta.models.pools import NO_COUNT, NO_QUALITY, Heartbeat
from slta.parsing import NAME_PATTERN
from slta.store import OperationRequest
from slta.store.sessions import type_option

MAX_BYTES = 256 * 1024
"""A longer body is left to the JSON parser. The expressions take at most 2 ms for one of this length."""


class PlainOperations(NamedTuple):
    """Operations of a batch, as `OperationsBody` has them."""

    requests: list[OperationRequest]


def plain_session_reader(model: type[BaseModel]) -> Callable[[bytes], SimpleNamespace | None]:
    """Reader of a body with nothing but a `session_id`: the fields of `model` with their defaults; None of others."""
    defaults = {name: field.default for name, field in model.model_fields.items() if name != "session_id"}

    def read(body: bytes) -> SimpleNamespace | None:
        found = _session(body)
        return SimpleNamespace(**defaults, session_id=found[1].decode()) if found else None

    return read


def read_plain_operations(body: bytes) -> PlainOperations | None:
    """Operations of a body; None if it is not in the plain form."""
    if _TYPE_MEMBER.encode() in body:
        rows = _typed_operations(body)
        found = [(kind, id_, lease, type_option(type_ or DEFAULT_TYPE)) for kind, id_, type_, lease in rows]
    else:
        found = _operations(body)
    return PlainOperations(found) if found else None


def read_plain_heartbeats(body: bytes) -> PlainHeartbeats | None:
    """Heartbeats of a body; None if it is not in the plain form, or not of different pools."""
    found = _heartbeats(body)
    if not found or len({pool_id for pool_id, *_ in found}) < len(found):
        return None
    rows = [(pool_id, ttl, count or NO_COUNT, None, quality or NO_QUALITY) for pool_id, ttl, count, quality in found]
    return PlainHeartbeats([Heartbeat(*row) for row in rows])


def _plain_form(member: str, item: str, most: int) -> Callable[[bytes], list[Any]]:
    """Reader of an object whose only member is a list: the groups of each item, nothing of a body in another form.

    A space of `item` stands for any JSON white space. None is at the end: searching for items must not try each blank.
    """
    items = re.sub(r"\((?!\?)", "(?:", rf"{item} (?:, {item} )*+")
    texts = (item, rf' {{ "{member}" : \[ {items}\] }} ')
    of_item, of_body = (re.compile(text.replace(" ", r"[ \t\n\r]*+")) for text in texts)

    def read(body: bytes) -> list[Any]:
        text = body.decode("latin-1")  # the expressions have ASCII only
        found = of_item.findall(text) if len(body) <= MAX_BYTES and of_body.fullmatch(text) else []
        return found if len(found) <= most else []

    return read


_NAME = NAME_PATTERN.strip("^$").replace("(", "(?:", 1)
_LEASE = r"0|[1-9][0-9]{0,7}(?:\.[0-9]{1,6})?"
_TTL = "[2-9]|[1-9][0-9]{1,2}|[12][0-9]{3}|3[0-5][0-9]{2}|3600"
_COUNT = "[1-7][0-9]{3}|[1-9][0-9]{0,2}|0"
_QUALITY = r"(?:0|[1-9][0-9]{0,7})(?:\.[0-9]{1,12})?"
_TYPE_MEMBER = "session_type"
_KIND = r'assign|renew|complete(?="[^,}]*})'
"""`complete` has no second member."""
_TYPED_KIND = rf'assign|renew(?!"[^}}]*{_TYPE_MEMBER})|complete(?="[^,}}]*}})'
"""Only `assign` has a type."""
_ITEM = rf'{{ "({_KIND})" : {{ "session_id" : "({_NAME})" (?:, "lease_seconds" : ({_LEASE}) )?+}} }}()'
"""The groups are those of an `OperationRequest`; the last one, its option, is always empty."""
_TYPED_ITEM = (
    rf'{{ "({_TYPED_KIND})" : {{ "session_id" : "({_NAME})" '
    rf'(?:, "{_TYPE_MEMBER}" : "({_NAME})" )?+(?:, "lease_seconds" : ({_LEASE}) )?+}} }}'
)
"""The same with types: the groups are kind, id, type and lease."""
_HEARTBEAT = (
    rf'{{ "pool_id" : "({_NAME})" , "ttl_seconds" : ({_TTL}) '
    rf'(?:, "count" : ({_COUNT}) (?:, "quality" : ({_QUALITY}) )?+)?+}}'
)
_session = re.compile(rf'{{ "session_id" : "({_NAME})" }} '.replace(" ", r"[ \t\n\r]*+").encode()).fullmatch
_operations = _plain_form("operations", _ITEM, MAX_OPERATIONS)
_typed_operations = _plain_form("operations", _TYPED_ITEM, MAX_OPERATIONS)
_heartbeats = _plain_form("heartbeats", _HEARTBEAT, MAX_POOLS)


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
        _route("operations", sessions.operate, OperationsBody, read_plain_operations),
        _route("pools/heartbeats", pools.send_heartbeats, HeartbeatsBody, read_plain_heartbeats),
    )
}
"""By the path after the fleet; the method is POST."""
FAST_PROXY_ROUTES: Mapping[RouteRules, FastRoute] = {
    rules: FastRoute(rules.name, rules.route, route_options_of(endpoint), None, endpoint)
    for rules, endpoint in ((PLACEMENT, sessions.place),)
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
