"""The hot calls, answered without a web framework: half of the time of such a call would be the framework's.

Their FastAPI routes in `sessions` wrap the same functions, document them, and answer where this is not used; a test
sends the same requests both ways and compares every byte.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from pydantic import BaseModel
from starlette.types import Scope

from service.api import operations, sessions
from service.api.answers import Answer
from service.api.bodies import check_accept, check_body, check_query
from service.api.context import RequestContext
from service.api.dependencies import Parts
from service.api.door import Door
from service.api.parsing import BodyParser
from service.api.rules import UNCOUNTED_BYTES, Rules, rules_of
from service.api.schemas import AssignBody, CompleteBody, OperationsBody, RenewBody

FLEETS = "/v1/fleets/"


class HotCall(NamedTuple):
    """One hot call. `answer` takes fleet, body, parts and context; `route` is the template of its path."""

    route: str
    rules: Rules
    parser: BodyParser
    answer: Callable[..., Awaitable[Answer]]


_FUNCTIONS: Mapping[str, tuple[type[BaseModel], Callable[..., Awaitable[Answer]]]] = {
    "assign": (AssignBody, sessions.assign),
    "complete": (CompleteBody, sessions.complete),
    "renew": (RenewBody, sessions.renew),
    "operations": (OperationsBody, operations.operate),
}
HOT_CALLS: Mapping[str, HotCall] = {
    name: HotCall(f"{FLEETS}{{fleet}}/{name}", rules_of(function), BodyParser(model, rules_of(function)), function)
    for name, (model, function) in _FUNCTIONS.items()
}
"""By what follows the fleet in the path; the method is POST."""


class HotRequest(NamedTuple):
    """What a request asks for: a hot call for a fleet, both as its path names them."""

    call: HotCall
    fleet: str


class Direct:
    """Answers hot calls that have arrived whole. One per process."""

    def __init__(self, door: Door, parts: Parts) -> None:
        self.door = door
        self._parts = parts

    async def answer(self, asked: HotRequest, scope: Scope, context: RequestContext, body: bytes) -> Answer:
        """The answer to a request for what was `asked`."""
        status = 0
        try:
            self.door.check(scope, context)
            answer = await self._call(asked, scope, context, body)
            status = answer.status
        except Exception as error:  # noqa: BLE001 - the door answers it, and logs it
            answer = self.door.refuse(context, error)
            status = answer.status
        finally:
            self.door.leave(scope, context, asked.call.route, status)
        return answer

    async def _call(self, asked: HotRequest, scope: Scope, context: RequestContext, body: bytes) -> Answer:
        hot, fleet = asked
        parts, rules = self._parts, hot.rules
        parts.gate.admit(context, rules, fleet)
        try:
            check_accept(context, rules.offers)
            check_query(scope["query_string"], ())
            check_body(context, body, rules.body_bytes, parts.gate.hold)
            what = await hot.parser.read(body) if len(body) > UNCOUNTED_BYTES else hot.parser.parse(body)
            return await hot.answer(fleet, what, parts, context)
        finally:
            parts.gate.leave(context)


def hot_request(scope: Scope) -> HotRequest | None:
    """What a request asks for; None for what is no hot call."""
    path: str = scope["path"]
    if scope["method"] != "POST" or not path.startswith(FLEETS):
        return None
    fleet, _, name = path[len(FLEETS) :].partition("/")
    hot = HOT_CALLS.get(name)
    return HotRequest(hot, fleet) if hot and fleet else None
