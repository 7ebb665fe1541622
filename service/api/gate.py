"""The gate in front of every route: who a caller is, what it may do, in which fleet, and how often."""

from __future__ import annotations

import re

from service.access.byte_budget import ByteBudget
from service.access.keys import STRANGER, Access, Caller
from service.access.rate_limit import Rate, RateLimiter
from service.api.bodies import CLOSE
from service.api.context import RequestContext
from service.api.problems import Refusal
from service.api.rules import KIB, UNCOUNTED_BYTES, Rules
from service.errors import UnknownFleet
from service.reading import NAME_PATTERN, NOT_A_NAME
from service.store import Store

LONGEST_WAIT_SECONDS = 0.5
"""A hot call that would wait longer before it is sent to the store is refused."""
CHALLENGE = 'Bearer realm="slta"'
FAILURES = Rate(per_second=0.2, burst=20)
"""Wrong keys from one address: then 429, until they become rarer. A right key always passes."""

BODIES_BYTES = 64 * KIB * KIB
"""Of all bodies that are held at a time."""
BODIES_BYTES_BY_CALLER = 16 * KIB * KIB
"""Of those of one key, or of one address where access is open."""
OVERLOADED = {"Retry-After": "1"}
LEAST_OPERATION = len('{"assign":{}},')
"""Bytes."""

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
        self.bodies = ByteBudget(BODIES_BYTES, BODIES_BYTES_BY_CALLER)

    def admit(self, context: RequestContext, rules: Rules, fleet: str | None) -> None:
        """Let a request pass, or raise: 401, 403, 404 for a fleet that is not the caller's, 422, 429, 503.

        `fleet` is the one that the path names, None where it names none. Who was let in must `leave`.
        """
        if not rules.scopes:
            return
        caller = self._access.identify(context.header(b"authorization"))
        context.caller = caller or STRANGER
        if caller is None:
            raise self._unauthenticated(context.address)
        if rules.hot and self._store.sessions.waiting_seconds(fleet or "") > LONGEST_WAIT_SECONDS:
            context.shed = True
            raise Refusal(503, "overloaded", "Too much waits here: wait as Retry-After says.", OVERLOADED)
        self._limit(caller.key_id or context.address)
        if not caller.may(rules.scopes):
            raise Refusal(403, "insufficient_scope", "The key does not have the scope for this.")
        if fleet is not None:
            _check_fleet(fleet, caller)
            context.fleet = fleet
        if rules.operations > 1:
            self._charge(context, max(0, _most_operations(context, rules) - 1))

    def hold(self, context: RequestContext, size: int) -> None:
        """Count the body of an admitted request, of which `size` bytes are held now; 503 where there is no room."""
        if size <= UNCOUNTED_BYTES or size == context.held:
            return
        if not self.bodies.take(_name(context), size - context.held):
            context.shed = True
            detail = "Too many bytes of bodies are held here: wait as Retry-After says."
            raise Refusal(503, "overloaded", detail, {**OVERLOADED, **CLOSE})
        context.held = size

    def count(self, context: RequestContext, operations: int) -> None:
        """An admitted request is so many: they all pass, and the next waits until the rate has made up for them."""
        self._charge(context, operations - 1 - context.spare)
        context.spare = 0

    def leave(self, context: RequestContext) -> None:
        """An admitted request was answered or given up: its body is held no more, and what it did not use goes back."""
        if context.held:
            self.bodies.give_back(_name(context), context.held)
            context.held = 0
        if context.spare:
            self._charge(context, -context.spare)

    def _charge(self, context: RequestContext, operations: int) -> None:
        if self._requests:
            context.spare += operations
            self._requests.owe(_name(context), operations)

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


def _name(context: RequestContext) -> str:
    """Whose books a request is in: the key's, or the address's where access is open."""
    return context.caller.key_id or context.address


def _most_operations(context: RequestContext, rules: Rules) -> int:
    """How many operations the call may have, as its head says how long its body is."""
    length = context.header(b"content-length") or ""
    return min(rules.operations, int(length[:19]) // LEAST_OPERATION) if length.isdecimal() else rules.operations


def _check_fleet(fleet: str, caller: Caller) -> None:
    """422 for what no fleet can be called; for another's fleet the same as for one that does not exist."""
    if not _is_name(fleet):
        raise Refusal(422, "invalid_request", f"fleet: {NOT_A_NAME}")
    if not caller.sees(fleet):
        raise UnknownFleet


def _too_many(wait: int) -> Refusal:
    return Refusal(429, "rate_limited", "Too many requests: wait as Retry-After says.", {"Retry-After": str(wait)})
