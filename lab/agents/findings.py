"""Findings of a case, from the lines of the load generator, the watch and the records of the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

UNDER_WAY_SECONDS = 2.0
"""A placement or an end that is younger may still be under way."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """Session of the load generator: `code` if it was refused, `cut` if its pool died, `outcome` of its complete."""

    id: str
    began: float
    placed: float
    pool: str = ""
    code: str = ""
    cut: float = inf
    ended: float = inf
    outcome: str = ""


class Down(NamedTuple):
    """A pool was dead between two times."""

    pool: str
    since: float
    until: float = inf


def sessions_of(rows: Mapping[str, Mapping[str, Any]]) -> list[Session]:
    """Sessions from the lines of the load generator."""
    return [Session(**row) for row in rows.values() if "began" in row]


def refused(sessions: Iterable[Session], begin: float, end: float) -> Counter[str]:
    """Codes of placements that were refused between two times."""
    return Counter(session.code for session in sessions if session.code and begin <= session.began < end)


def placed_on(sessions: Iterable[Session], pools: Collection[str], begin: float) -> list[float]:
    """When sessions that began since `begin` were placed on these pools, in order."""
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


def cut_without_death(sessions: Iterable[Session], downs: Collection[Down]) -> list[Session]:
    """Sessions that lost their pool, or could not reach it, though it had not died."""
    return [
        session
        for session in sessions
        if session.cut < inf
        and not any(d.pool == session.pool and session.cut >= d.since and session.began <= d.until for d in downs)
    ]


def held(store: Mapping[str, str], pools: Collection[str]) -> int:
    """Sessions that the store has on these pools."""
    return sum(pool in pools for pool in store.values())
