"""Findings in the lines of a load and the records of the store: refusals, delays, spread, sessions that slta knew.

It shares nothing with the client but the lines of its processes, and nothing with slta but the records of the store.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

UNDER_WAY_SECONDS = 2.0
"""Age below which a placement, a report or an end may still be under way."""
FALSE_ALARM = NormalDist().cdf(-3)
"""Probability, as of three standard deviations, that a uniform draw has a pool above the limit of its spread."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """Session of a load: `code` if it was refused, `cut` if its pool died, `outcome` of its complete.

    Of the client library: who placed it (`by`), why it was `lost`, and whether the circuit breaker was `open` when it
    began.
    """

    id: str
    began: float
    placed: float
    pool: str = ""
    by: str = ""
    code: str = ""
    cut: float = inf
    ended: float = inf
    outcome: str = ""
    lost: str = ""
    open: bool = False

    @property
    def seconds(self) -> float:
        """Duration of its placement."""
        return self.placed - self.began


class Lag(NamedTuple):
    """Greatest delay of the event loop of a client in the second from `at` on."""

    at: float
    lag: float


class Look(NamedTuple):
    """Sessions in the store by pool, at some moment between two times."""

    before: float
    after: float
    pools: Mapping[str, str]


class Spread(NamedTuple):
    """Spread of the sessions that the fallback placed: their number, the most on one pool, and its limit."""

    sessions: int
    most: int
    limit: float
    by_class: Mapping[str, int]


class Outage(NamedTuple):
    """Outage of slta, and looks at the store afterwards."""

    name: str
    begin: float
    back: float
    looks: Sequence[Look]


def sessions_of(files: Iterable[Path]) -> list[Session]:
    """Sessions from the lines that loads wrote so far."""
    found = rows(files, "id").values()
    return [Session(**row) for row in found if "began" in row]


def rows(files: Iterable[Path], key: str) -> dict[Any, dict[str, Any]]:
    """Rows of the lines of JSON so far, one for each key; lines without it are left out."""
    found: dict[Any, dict[str, Any]] = {}
    for file in files:
        for row in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
            if key in row:
                found.setdefault(row[key], {}).update(row)
    return found


def refused(sessions: Iterable[Session], begin: float, end: float) -> Counter[str]:
    """Codes of placements that were refused between two times."""
    return Counter(session.code for session in sessions if session.code and begin <= session.began < end)


def placed_on(sessions: Iterable[Session], pools: Collection[str], begin: float) -> list[float]:
    """Times at which sessions that began since `begin` were placed on these pools, in order."""
    return sorted(s.placed for s in sessions if s.pool in pools and begin <= s.began)


def ended_by_slta(
    sessions: Iterable[Session], store: Mapping[str, str], now: float, dead: Mapping[str, float]
) -> list[Session]:
    """Sessions of living pools that slta ended, or has elsewhere: each had to be live until its complete.

    `dead` has the pools that were killed and when; what was placed on them is not judged. `now` is when the store was
    read.
    """
    found = []
    for session in sessions:
        if not session.pool or (session.pool in dead and session.ended >= dead[session.pool]):
            continue
        is_live = session.ended == inf and session.cut == inf and session.placed < now - UNDER_WAY_SECONDS
        if session.outcome not in {"", "completed"} or (is_live and store.get(session.id) != session.pool):
            found.append(session)
    return found


def cut_without_death(sessions: Iterable[Session], dead: Mapping[str, float]) -> list[Session]:
    """Sessions that lost their pool, or could not reach it, though it had not died."""
    return [session for session in sessions if session.cut < dead.get(session.pool, inf)]


def held(store: Mapping[str, str], pools: Collection[str]) -> int:
    """Sessions that the store has on these pools."""
    return sum(pool in pools for pool in store.values())


def spread(sessions: Iterable[Session], pools: int) -> Spread:
    """The most loaded pool, and a limit that none of the pools exceeds in a uniform draw, but for a false alarm."""
    counts = Counter(session.pool for session in sessions)
    mean = counts.total() / pools
    limit = mean - NormalDist().inv_cdf(FALSE_ALARM / pools) * sqrt(mean * (1 - 1 / pools))
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
