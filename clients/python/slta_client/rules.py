"""Retry rules: what a reply means, whether the same request is sent again, and after how long."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from slta_client.replies import BUSY, Reply
from slta_client.session import NoCapacityError, PlacementError, RefusedError, SessionEndedError, UnavailableError

SOON_SECONDS = 0.05
"""First delay after a hiccup, and where backoff begins."""
MAX_DELAY_SECONDS = 2.0
MAX_RETRY_AFTER_SECONDS = 60.0
MAX_DOUBLINGS = 20


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


_FULL = {"error": NoCapacityError, "retry": False}  # `wait` asks again; slta has answered
_ELSEWHERE = {"next_fleet": True}  # it is about this fleet
OWN: dict[str, dict[str, Any]] = {
    "no_capacity": _FULL,
    "no_active_pool": _FULL,
    "low_priority": _FULL,
    BUSY: {"retry": False},  # it has waited as long as it may
    "session_ended": {"error": SessionEndedError},
    "unknown_fleet": _ELSEWHERE,
    "unknown_session_type": _ELSEWHERE,
    "fleet_observes": _ELSEWHERE,
}
"""Where a rule does not follow from the meaning of its code."""


def rule_of(reply: Reply) -> Rule:
    """The rule of a reply that is no success."""
    may_pass, in_doubt = reply.may_pass, reply.in_doubt
    rule = Rule(
        UnavailableError if may_pass else RefusedError,
        retry=may_pass,
        soon=reply.meaning.again == "at_once",
        in_doubt=in_doubt,
        next_fleet=may_pass and not in_doubt,
        away=may_pass and reply.status != 429,  # a fallback must not get round a limit of the key
    )
    return rule._replace(**OWN.get(reply.code, {}))


def is_away(reply: Reply) -> bool:
    """True if the reply says that slta does not place sessions now."""
    return not reply.ok and rule_of(reply).away


def delay_seconds(reply: Reply, retry: int, rng: random.Random) -> float:
    """Delay before retry 0, 1, …: Retry-After plus up to a quarter; without one, half to all of a doubled bound."""
    if reply.reused:
        return 0.0
    if reply.retry_after and not (retry == 0 and rule_of(reply).soon):
        return min(reply.retry_after, MAX_RETRY_AFTER_SECONDS) * rng.uniform(1.0, 1.25)
    bound = bound_seconds(retry, SOON_SECONDS, MAX_DELAY_SECONDS)
    return pause_seconds(bound, uniform=rng.uniform) if retry else bound


def bound_seconds(attempt: int, first: float, most: float) -> float:
    """Longest pause after `attempt` failures before this one: `first`, doubled each time up to `most`."""
    return min(most, first * 2.0 ** min(attempt, MAX_DOUBLINGS))


def pause_seconds(
    bound: float, retry_after: float = 0.0, uniform: Callable[[float, float], float] = random.uniform
) -> float:
    """A pause with jitter: half of the bound to all of it, at least Retry-After, of which a minute counts at most."""
    return max(uniform(0.5, 1.0) * bound, min(retry_after, MAX_RETRY_AFTER_SECONDS))
