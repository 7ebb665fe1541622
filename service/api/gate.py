"""The gate in front of every route: who is it, may they, how often."""

from __future__ import annotations

import re

from starlette.requests import Request

from service.access.keys import Access, Caller
from service.access.rate_limit import Rate, RateLimiter
from service.api.bodies import header
from service.api.problems import Refusal
from service.api.rules import Rules
from service.errors import UnknownFleet
from service.reading import NAME_PATTERN

CHALLENGE = 'Bearer realm="slta"'
FAILURES = Rate(per_second=0.2, burst=20)
"""Wrong keys from one address: then 429, until they become rarer. A right key always passes."""

_is_name = re.compile(NAME_PATTERN.removesuffix("$") + r"\Z").match


class Gate:
    """Authentication, scopes, fleets and rates. One per process."""

    def __init__(self, access: Access, rate: Rate | None = None) -> None:
        """`rate` limits each key, or each address where access is open; None for no limit."""
        self.access = access
        self._requests = RateLimiter(rate) if rate else None
        self._failures = RateLimiter(FAILURES)

    def admit(self, request: Request, rules: Rules) -> None:
        """Let a request pass, or raise: 401, 403, 404 for a fleet that is not the caller's, 422, 429."""
        if not rules.scopes:
            return
        caller = self.access.identify(header(request.scope, b"authorization"))
        if caller is None:
            raise self._unauthenticated(request)
        request.scope["slta.caller"] = caller
        self._limit(request, caller)
        if not caller.may(rules.scopes):
            raise Refusal(403, "insufficient_scope", "The key does not have the scope for this.")
        fleet = request.path_params.get("fleet")
        if fleet is not None:
            check_fleet(fleet, caller)
            request.scope["slta.fleet"] = fleet

    def _unauthenticated(self, request: Request) -> Refusal:
        wait = self._failures.take(_address(request))
        if wait:
            return _too_many(wait)
        detail = "Send a valid key as Authorization: Bearer <key>."
        return Refusal(401, "unauthenticated", detail, {"WWW-Authenticate": CHALLENGE})

    def _limit(self, request: Request, caller: Caller) -> None:
        if self._requests is not None:
            wait = self._requests.take(caller.key_id or _address(request))
            if wait:
                raise _too_many(wait)


def check_fleet(fleet: str, caller: Caller) -> None:
    """422 for what no fleet can be called; for another's fleet the same as for one that does not exist."""
    if not _is_name(fleet):
        raise Refusal(422, "invalid_request", f"fleet: must match {NAME_PATTERN}")
    if not caller.sees(fleet):
        raise UnknownFleet


def caller_of(request: Request) -> Caller:
    """Who sent the request."""
    caller: Caller = request.scope["slta.caller"]
    return caller


def _too_many(wait: int) -> Refusal:
    return Refusal(429, "rate_limited", "Too many requests: wait as Retry-After says.", {"Retry-After": str(wait)})


def _address(request: Request) -> str:
    client = request.scope.get("client")
    return str(client[0]) if client else ""
