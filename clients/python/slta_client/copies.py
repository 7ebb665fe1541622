"""Copies of the endpoints: one for each fleet of a client, read about once a minute, with what changed since."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from pathlib import Path

from slta_client import copy_file, metrics
from slta_client.endpoints import Endpoints
from slta_client.replies import INVALID, NOT_MODIFIED, Reply, failed
from slta_client.rules import rule_of
from slta_client.session import Session

REFRESH_SECONDS = 60.0
RETRY_SECONDS = 5.0
READ_SECONDS = 5.0
"""Deadline of a reading: that of a large fleet takes longer than a placement."""

_log = logging.getLogger("slta_client")


class _Copy:
    """One fleet's endpoints, if they are known, with this client's sessions since then: begun minus ended, by pool."""

    def __init__(self, endpoints: Endpoints | None) -> None:
        self.endpoints = endpoints
        self.etag: str | None = None
        self.changes: Counter[str] = Counter()
        self.due_at = -inf
        self.problem = ""


class Copies:
    """Copies of the endpoints of a client's fleets. Used in one event loop."""

    def __init__(
        self, fleets: Sequence[str], file: Path | None, rng: random.Random, inherited: Mapping[str, Endpoints]
    ) -> None:
        """`inherited` are the parent process's, from before a fork; the file's are newer, as others write it too."""
        self.file = file
        self._rng = rng
        known = {**inherited, **(copy_file.load(file, fleets) if file else {})}
        self._copies = {fleet: _Copy(known.get(fleet)) for fleet in fleets}

    @property
    def known(self) -> dict[str, Endpoints]:
        """Endpoints by fleet, of those that were read."""
        return {fleet: copy.endpoints for fleet, copy in self._copies.items() if copy.endpoints is not None}

    def changes(self, fleet: str) -> Mapping[str, int]:
        """This client's sessions on the fleet's pools since its endpoints were read: begun minus ended, by pool."""
        return self._copies[fleet].changes

    def changed(self, session: Session, by: int) -> None:
        """A session began (1) or ended (-1)."""
        changes = self._copies[session.fleet].changes
        changes[session.pool_id] += by
        if not changes[session.pool_id]:
            del changes[session.pool_id]

    def due_at(self) -> float:
        """When the next reading is due."""
        return min(copy.due_at for copy in self._copies.values())

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
