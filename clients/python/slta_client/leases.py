"""Leases of a client: its live sessions, and the lanes of all its fleets."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import chain
from math import inf
from typing import Any

from slta_client import metrics
from slta_client.lanes import Completes, Lane, Renewals
from slta_client.session import Session

HELD_SECONDS = 60.0
"""After an outage of the store, dispatchers end no session by its lease for so long."""

_log = logging.getLogger("slta_client")


class Leases:
    """Live sessions, their renewals and the ends that wait. Not thread-safe: its client holds a lock."""

    def __init__(self) -> None:
        self._renewals: dict[str, Renewals] = {}
        self._completes: dict[str, Completes] = {}
        self.close_at = inf
        """When to stop, whatever waits; inf: not closed."""
        metrics.watch(self)

    def __len__(self) -> int:
        return sum(len(lane.live) for lane in list(self._renewals.values()))

    def begin(self, session: Session) -> None:
        """Renew from now on; RuntimeError if the client was closed meanwhile."""
        self.check_open()
        self._renewals.setdefault(session.fleet, Renewals(session.fleet)).add(session)

    def end(self, session: Session) -> None:
        """Renew no more, and queue the end. Nothing if the session is not live here: lost, ended, or of a parent."""
        lane = self._renewals.get(session.fleet)
        if lane is not None and lane.live.get(session.id) is session:
            del lane.live[session.id]
            self.abandon(session.fleet, session.id, session.lease_ends_at if session.lease_seconds else inf)

    def abandon(self, fleet: str, session_id: str, lease_ends_at: float) -> None:
        """Queue the end of a session that may be live, until slta has ended it by its lease."""
        self._completes.setdefault(fleet, Completes(fleet)).add(session_id, lease_ends_at + HELD_SECONDS)

    def withdraw(self, fleet: str, session_id: str) -> bool:
        """Forget an end that was not sent, as the id is placed again; False if there is none."""
        return fleet in self._completes and self._completes[fleet].withdraw(session_id)

    def check_open(self) -> None:
        """Raise RuntimeError once it is closed."""
        if self.close_at < inf:
            raise RuntimeError("the client is closed")

    def close(self, at: float) -> None:
        """End all live sessions, and stop once nothing waits, at the latest `at`."""
        self.close_at = min(at, self.close_at)
        for session in list(self._live()):
            self.end(session)

    def report(self) -> None:
        """Log how many ends slta has not confirmed."""
        waiting = sum(map(len, self._completes.values()))
        if waiting:
            _log.warning("%d sessions were not ended; their leases end them", waiting)

    def next_lane(self) -> Lane[Any] | None:
        """The lane that may send first; None if none has anything."""
        lanes: list[Lane[Any]] = [*self._renewals.values(), *self._completes.values()]
        lane = min(lanes, key=lambda lane: lane.ready_at(), default=None)
        return lane if lane is not None and lane.ready_at() < inf else None

    def _live(self) -> Iterator[Session]:
        return chain.from_iterable(lane.live.values() for lane in self._renewals.values())
