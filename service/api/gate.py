"""The gate in front of every route: who a caller is, what it may do, in which fleet, and how often."""

from __future__ import annotations

import re

from service.access.keys import STRANGER, Access, Caller
from service.access.rate_limit import Rate, RateLimiter
from service.api.context import RequestContext
from service.api.problems import Refusal
from service.api.rules import Rules
from service.errors import UnknownFleet
from service.reading import NAME_PATTERN
from service.store import Store

LONGEST_WAIT_SECONDS = 0.5
"""A hot call that would wait longer before it is sent to the store is refused."""
CHALLENGE = 'Bearer realm="slta"'
FAILURES = Rate(per_second=0.2, burst=20)
"""Wrong keys from one address: then 429, until they become rarer. A right key always passes."""

_is_name = re.compile(NAME_PATTERN.removesuffix("$") + r"\Z").match


class Gate:
    """Authentication, scopes, fleets and rates. One per process."""

    def __init__(self, access: Access, rate: Rate | None, store: Store) -> None:
        """`rate` limits each key, or each address where access is open; None for no limit.

        `store` is asked how long an operation would wait.
        """
        self._store = store
        self._access = access
        self._requests = RateLimiter(rate) if rate else None
        self._failures = RateLimiter(FAILURES)

    def admit(self, context: RequestContext, rules: Rules, fleet: str | None) -> None:
        """Let a request pass, or raise: 401, 403, 404 for a fleet that is not the caller's, 422, 429, 503.

        `fleet` is the one that the path names, None where it names none.
        """
        if not rules.scopes:
            return
        caller = self._access.identify(context.header(b"authorization"))
        context.caller = caller or STRANGER
        if caller is None:
            raise self._unauthenticated(context.address)
        if rules.hot and self._store.sessions.waiting_seconds(fleet or "") > LONGEST_WAIT_SECONDS:
            context.shed = True
            raise Refusal(503, "overloaded", "Too much waits here: wait as Retry-After says.", {"Retry-After": "1"})
        self._limit(caller.key_id or context.address)
        if not caller.may(rules.scopes):
            raise Refusal(403, "insufficient_scope", "The key does not have the scope for this.")
        if fleet is not None:
            _check_fleet(fleet, caller)
            context.fleet = fleet

    def count(self, context: RequestContext, operations: int) -> None:
        """An admitted request is so many: they all pass, and the next waits until the rate has made up for them."""
        if self._requests:
            self._requests.owe(context.caller.key_id or context.address, operations - 1)

    def _unauthenticated(self, address: str) -> Refusal:
        wait = self._failures.take(address)
        if wait:
            return _too_many(wait)
        detail = "Send a valid key as Authorization: Bearer <key>."
        return Refusal(401, "unauthenticated", detail, {"WWW-Authenticate": CHALLENGE})

    def _limit(self, name: str) -> None:
        wait = self._requests.take(name) if self._requests else 0
        if wait:
            raise _too_many(wait)


def _check_fleet(fleet: str, caller: Caller) -> None:
    """422 for what no fleet can be called; for another's fleet the same as for one that does not exist."""
    if not _is_name(fleet):
        raise Refusal(422, "invalid_request", f"fleet: must match {NAME_PATTERN}")
    if not caller.sees(fleet):
        raise UnknownFleet


def _too_many(wait: int) -> Refusal:
    return Refusal(429, "rate_limited", "Too many requests: wait as Retry-After says.", {"Retry-After": str(wait)})
