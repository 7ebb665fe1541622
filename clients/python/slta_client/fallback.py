"""Fallback: places sessions by two choices among the last known endpoints while slta does not answer.

The endpoints of each fleet are read about once a minute; what this client changed since then is counted.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from pathlib import Path

from slta_client import metrics
from slta_client.endpoints import DEFAULT_TYPE, Endpoints, Pool, load
from slta_client.replies import INVALID, NOT_MODIFIED, Reply, failed
from slta_client.rules import rule_of
from slta_client.session import Session

REFRESH_SECONDS = 60.0
RETRY_SECONDS = 5.0
READ_SECONDS = 5.0
"""Deadline of a reading: that of a large fleet takes longer than a placement."""
PAIRS = 8
"""Drawn before all pools are looked at for room."""

_log = logging.getLogger("slta_client")


class _Copy:
    """One fleet's endpoints, if they are known, with this client's sessions since then: begun minus ended, by pool."""

    def __init__(self, endpoints: Endpoints | None) -> None:
        self.endpoints = endpoints
        self.etag: str | None = None
        self.changes: Counter[str] = Counter()
        self.due_at = -inf
        self.problem = ""


class Fallback:
    """Fallback of a client in one event loop; one without fleets places nothing."""

    def __init__(
        self,
        fleets: Sequence[str] = (),
        file: Path | None = None,
        inherited: Mapping[str, Endpoints] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """`inherited` are the parent process's, from before a fork; the file's are newer, as others write it too."""
        self.file = file
        self._rng = rng or random.Random()
        known = {**(inherited or {}), **(load(file, fleets) if file else {})}
        self._copies = {fleet: _Copy(known.get(fleet)) for fleet in fleets}

    @property
    def is_on(self) -> bool:
        """False if it has no fleets."""
        return bool(self._copies)

    @property
    def known(self) -> dict[str, Endpoints]:
        """Endpoints by fleet, of those that were read."""
        return {fleet: copy.endpoints for fleet, copy in self._copies.items() if copy.endpoints is not None}

    def changes(self, fleet: str) -> Mapping[str, int]:
        """This client's sessions on the fleet's pools since its endpoints were read: begun minus ended, by pool."""
        return self._copies[fleet].changes

    def changed(self, session: Session, by: int) -> None:
        """A session began (1) or ended (-1)."""
        if session.fleet in self._copies:
            changes = self._copies[session.fleet].changes
            changes[session.pool_id] += by
            if not changes[session.pool_id]:
                del changes[session.pool_id]

    def can_place(self, fleets: Sequence[str], session_type: str | None) -> bool:
        """True if the endpoints of one of these fleets are known, and their session types have this one."""
        known = self.known
        return any(fleet in known and known[fleet].has_type(session_type or DEFAULT_TYPE) for fleet in fleets)

    def choose(
        self, fleets: Sequence[str], live: Callable[[str], int], session_type: str = DEFAULT_TYPE
    ) -> tuple[str, Pool] | None:
        """A pool of the type's classes in the first fleet that has room there, as far as is known.

        `live` counts this client's sessions in a fleet.
        """
        known = self.known
        for fleet in filter(known.__contains__, fleets):
            weight = known[fleet].sessions / max(live(fleet), 1)
            pool = better(known[fleet].of_type(session_type), self.changes(fleet), max(weight, 1.0), self._rng)
            if pool is not None:
                return fleet, pool
        return None

    def due_at(self) -> float:
        """When the next reading is due."""
        return min((copy.due_at for copy in self._copies.values()), default=inf)

    def next_reading(self) -> tuple[str, str | None]:
        """The fleet whose reading is due first, and the ETag of its endpoints."""
        fleet = min(self._copies, key=lambda fleet: self._copies[fleet].due_at)
        return fleet, self._copies[fleet].etag

    def take(self, fleet: str, reply: Reply, now: float, unreported: Iterable[Session]) -> bool:
        """Take over the reply to a reading; True if the endpoints are others. No copy has what is `unreported`."""
        copy = self._copies[fleet]
        reply = _taken(copy, reply, fleet)
        metrics.count("calls", "endpoints", reply.code or "ok")
        if reply.code and reply.code != copy.problem:
            _log.warning("the endpoints of fleet %s were not read: %s", fleet, reply.code)
        copy.problem = reply.code
        may_pass = not reply.ok and rule_of(reply).retry
        copy.due_at = now + (RETRY_SECONDS if may_pass else REFRESH_SECONDS) * self._rng.uniform(0.75, 1.25)
        if reply.ok:
            copy.changes = Counter(session.pool_id for session in unreported if session.fleet == fleet)
        return reply.ok and reply.status != NOT_MODIFIED


def _taken(copy: _Copy, reply: Reply, fleet: str) -> Reply:
    """The reply, after its endpoints were taken over; invalid if they are another fleet's, or none."""
    if not reply.ok or reply.status == NOT_MODIFIED:
        return reply
    try:
        endpoints = Endpoints(reply.body)
    except ValueError:
        return failed(INVALID)
    if endpoints.fleet != fleet:
        return failed(INVALID)
    copy.endpoints, copy.etag = endpoints, reply.etag
    return reply


def better(endpoints: Endpoints, changes: Mapping[str, int], weight: float, rng: random.Random) -> Pool | None:
    """The better of two pools drawn uniformly, of which at least one has room; None if no pool has.

    `changes` are this client's sessions on a pool, by its id, since the occupancies were read: begun minus ended. Each
    counts as `weight` sessions, since other clients do the same; for room it counts as one. O(1), and O(pools) if
    nearly all pools are full.
    """

    def is_full(pool: Pool) -> bool:
        return _load(pool, changes, 1.0) >= 1

    def rank(pool: Pool) -> tuple[bool, float]:
        return is_full(pool), _load(pool, changes, weight)

    count = len(endpoints)
    for _ in range(PAIRS if count else 0):
        numbers = rng.sample(range(count), min(2, count))  # of equals the first is taken: the order is random
        best = min((endpoints[number] for number in numbers), key=rank)
        if not is_full(best):
            return best
    open_pools = [pool for pool in endpoints if not is_full(pool)]
    return min(rng.sample(open_pools, min(2, len(open_pools))), key=rank, default=None)


def _load(pool: Pool, changes: Mapping[str, int], weight: float) -> float:
    """Sessions for each place of the pool: from 1 on it is full."""
    return max(pool.occupancy + weight * changes.get(pool.pool_id, 0), 0.0) / pool.capacity
