"""Findings of an outage: refusals, delays, spread over the pools, and what slta knew afterwards.

It shares nothing with the client but the lines of its processes, and nothing with slta but the records of the store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import NamedTuple

MAX_SECONDS = 1.2
"""Of a placement."""
MAX_OPEN_SECONDS = 0.1
"""Of a placement that began while the circuit breaker was open."""
KNOWN_SECONDS = 10.0
"""After its return, slta knows each session."""
UNDER_WAY_SECONDS = 2.0
"""A report or an end that is younger may still be under way."""
DEVIATIONS = 3.0


@dataclass(frozen=True, kw_only=True)
class Session:
    """Session of a client: `code` if it was refused; `open`: the circuit breaker was open when it began."""

    id: str
    began: float
    placed: float
    open: bool
    pool: str = ""
    by: str = ""
    code: str = ""
    ended: float = inf
    lost: str = ""

    @property
    def seconds(self) -> float:
        """How long its placement took."""
        return self.placed - self.began


class Lag(NamedTuple):
    """How late the event loop of a client was at most in the second from `at` on."""

    at: float
    lag: float


class Look(NamedTuple):
    """What the store held: session → pool, at some moment between two times."""

    before: float
    after: float
    pools: Mapping[str, str]


class Spread(NamedTuple):
    """Sessions that the fallback placed: how many, the most on one pool, and the limit for it."""

    sessions: int
    most: int
    limit: float
    by_class: Mapping[str, int]


class Outage(NamedTuple):
    """An outage: from when until when slta was away, and what the store held afterwards."""

    name: str
    begin: float
    back: float
    looks: Sequence[Look]


def spread(sessions: Iterable[Session], pools: int) -> Spread:
    """The most loaded pool beside the mean of a uniform draw plus three of its standard deviations."""
    counts = Counter(session.pool for session in sessions)
    mean = counts.total() / pools
    limit = mean + DEVIATIONS * sqrt(mean * (1 - 1 / pools))
    by_class = Counter(session.pool.partition("-")[0] for session in sessions)
    return Spread(counts.total(), max(counts.values(), default=0), limit, dict(sorted(by_class.items())))


def unknown(look: Look, sessions: Iterable[Session]) -> list[Session]:
    """Sessions that lived all the while and that the store had not, or on another pool."""
    since, until = look.before - UNDER_WAY_SECONDS, look.after
    lived = [session for session in sessions if session.pool and session.placed < since and session.ended > until]
    return [session for session in lived if not session.lost and look.pools.get(session.id) != session.pool]


def not_ended(look: Look, sessions: Iterable[Session]) -> list[Session]:
    """Sessions that had ended, or that were refused, and that the store had all the same."""
    since = look.before - UNDER_WAY_SECONDS
    return [s for s in sessions if s.id in look.pools and (s.placed if s.code else s.ended) < since]


def all_known_after(outage: Outage, sessions: Sequence[Session]) -> float | None:
    """Seconds from slta's return to the first look that missed no session of the outage; None: not yet."""
    inside = [session for session in sessions if outage.begin <= session.began < outage.back]
    for look in outage.looks:
        alive = [session for session in inside if session.ended > look.after and session.pool and not session.lost]
        if all(look.pools.get(session.id) == session.pool for session in alive):
            return look.after - outage.back
    return None
