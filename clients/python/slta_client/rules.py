"""Retry rules: what a reply means, whether the same request is sent again, and after how long."""

from __future__ import annotations

import random
from typing import NamedTuple

from slta_client import replies
from slta_client.errors import NoCapacityError, PlacementError, RefusedError, SessionEndedError, UnavailableError
from slta_client.replies import Reply

SOON_SECONDS = 0.05
"""First delay after a hiccup, and where backoff begins."""
MAX_DELAY_SECONDS = 2.0
MAX_RETRY_AFTER_SECONDS = 60.0


class Rule(NamedTuple):
    """What follows from a code.

    `retry`: send the same again, with the same id. `soon`: the first time after 50 ms, whatever Retry-After says.
    `in_doubt`: the request may have been applied. `next_fleet`: nothing was placed, and another fleet may place it.
    `away`: slta does not place sessions now; the circuit breaker counts it, and the fallback may place the session.
    """

    error: type[PlacementError]
    retry: bool = False
    soon: bool = False
    in_doubt: bool = False
    next_fleet: bool = False
    away: bool = False


_FULL = Rule(NoCapacityError, next_fleet=True)
_LIMITED = Rule(UnavailableError, retry=True, next_fleet=True)
_LATER = _LIMITED._replace(away=True)
_SOON = _LATER._replace(soon=True)
_IN_DOUBT = Rule(UnavailableError, retry=True, soon=True, in_doubt=True, away=True)
_BUSY = Rule(UnavailableError, next_fleet=True, away=True)
_NEVER = Rule(RefusedError)
_ELSEWHERE = Rule(RefusedError, next_fleet=True)
_SERVER_ERROR = Rule(UnavailableError, retry=True, in_doubt=True, away=True)

RULES: dict[str, Rule] = {
    "no_capacity": _FULL,
    "no_active_pool": _FULL,
    "low_priority": _FULL,
    "store_unavailable": _SOON,
    "overloaded": _LATER,
    "too_many_connections": _LATER,
    "rate_limited": _LIMITED,
    "repairing": _LATER,
    "recovering": _LATER,
    "fleet_damaged": _LATER,
    "newer_fleet": _LATER,
    "dispatcher_unavailable": _LATER,
    replies.UNREACHABLE: _SOON,
    replies.BUSY: _BUSY,
    "outcome_unknown": _IN_DOUBT,
    replies.TIMEOUT: _IN_DOUBT,
    replies.DISCONNECTED: _IN_DOUBT,
    replies.INVALID: _IN_DOUBT,
    "internal_error": _SERVER_ERROR,
    "session_ended": Rule(SessionEndedError),
    "unknown_fleet": _ELSEWHERE,
    "unknown_session_type": _ELSEWHERE,
    "fleet_observes": _ELSEWHERE,
}
"""By problem code, or by why there is no reply. Any other: 429 as `rate_limited`, a 5xx as `internal_error`, else never
again."""


def rule_of(reply: Reply) -> Rule:
    """The rule of a reply that is no success."""
    if reply.code in RULES:
        return RULES[reply.code]
    if reply.status == 429:
        return _LIMITED
    return _SERVER_ERROR if reply.status >= 500 else _NEVER


def is_away(reply: Reply) -> bool:
    """True if the reply says that slta does not place sessions now."""
    return not reply.ok and rule_of(reply).away


def delay_seconds(reply: Reply, retry: int, rng: random.Random) -> float:
    """Delay before retry 0, 1, …: Retry-After plus up to a quarter; without one, half to all of a doubled bound."""
    if reply.reused:
        return 0.0
    if reply.retry_after and not (retry == 0 and rule_of(reply).soon):
        return min(reply.retry_after, MAX_RETRY_AFTER_SECONDS) * rng.uniform(1.0, 1.25)
    if retry == 0:
        return SOON_SECONDS
    return min(MAX_DELAY_SECONDS, SOON_SECONDS * 2.0 ** min(retry, 10)) * rng.uniform(0.5, 1.0)
