"""Leases of a client: its live sessions, and the lanes of all its fleets, also of what the fallback placed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from itertools import chain
from math import inf
from typing import Any, NamedTuple

from slta_client import metrics
from slta_client.lanes import Completes, End, Lane, Renewals, Reports
from slta_client.session import Session

HELD_SECONDS = 60.0
"""After an outage of the store, dispatchers end no session by its lease for so long."""

_log = logging.getLogger("slta_client")


class Lanes(NamedTuple):
    """Lanes of one fleet. A live session is in one of the first two."""

    renewals: Renewals
    reports: Reports
    completes: Completes


class Leases:
    """Live sessions, their renewals and the ends that wait. Used in one event loop."""

    def __init__(self, on_change: Callable[[Session, int], object]) -> None:
        """`on_change` is called with a session and 1 when it begins, and with -1 when it ends."""
        self._on_change = on_change
        self._lanes: dict[str, Lanes] = {}
        self.close_at = inf
        """When to stop, whatever waits; inf: not closed."""
        self.placing = 0
        """Placements under way: what they may have placed must be ended, too."""
        metrics.watch("live_sessions", self, len)
        metrics.watch("unreported_sessions", self, lambda leases: len(leases.unreported()))

    def __len__(self) -> int:
        return sum(len(lanes.renewals.live) for lanes in list(self._lanes.values()))

    def begin(self, session: Session) -> None:
        """Renew from now on; RuntimeError if the client was closed meanwhile."""
        self.check_open()
        self._of(session.fleet).renewals.add(session)
        self._on_change(session, 1)

    def begin_unreported(self, session: Session) -> None:
        """Report it as soon as slta answers, and renew it from then on. It may hold the id of an end that is queued."""
        self.check_open()
        session.in_doubt = self.withdraw(session.fleet, session.id)
        self._of(session.fleet).reports.add(session)
        self._on_change(session, 1)

    def end(self, session: Session) -> None:
        """Renew no more, and queue the end. Nothing if the session is not live here: lost, ended, or of a parent.

        One that slta cannot know needs no end.
        """
        for lane in self._of(session.fleet)[:2]:
            if lane.is_live(session):
                self._on_change(session, -1)
                if lane.end(session):
                    self.abandon(session.fleet, session.id, session.lease_ends_at if session.lease_seconds else inf)

    def abandon(self, fleet: str, session_id: str, lease_ends_at: float) -> None:
        """Queue the end of a session that may be live, until slta has ended it by its lease."""
        self._of(fleet).completes.add(End(session_id, lease_ends_at + HELD_SECONDS))

    def withdraw(self, fleet: str, session_id: str) -> bool:
        """Forget an end that is not confirmed, as the id is placed again; False if there is none."""
        return self._of(fleet).completes.withdraw(session_id)

    def check_open(self) -> None:
        """Raise RuntimeError once it is closed."""
        if self.close_at < inf:
            raise RuntimeError("the client is closed")

    def close(self, at: float) -> None:
        """End all live sessions, and stop once nothing waits, at the latest `at`."""
        self.close_at = min(at, self.close_at)
        for lanes in self._lanes.values():
            for session in [*lanes.renewals.live.values(), *lanes.reports.live.values()]:
                self.end(session)

    def report(self) -> None:
        """Log how many ends slta has not confirmed."""
        waiting = sum(len(lanes.completes.live) for lanes in self._lanes.values())
        if waiting:
            _log.warning("%d sessions were not ended; their leases end them", waiting)

    def next_lane(self) -> Lane[Any] | None:
        """The lane that may send first; None if none has anything."""
        every: Iterable[Lane[Any]] = chain.from_iterable(self._lanes.values())
        lane = min(every, key=lambda lane: lane.ready_at(), default=None)
        return lane if lane is not None and lane.ready_at() < inf else None

    def live_in(self, fleet: str) -> int:
        """Number of live sessions in a fleet."""
        return sum(len(lane.live) for lane in self._of(fleet)[:2])

    def unreported(self) -> list[Session]:
        """Live sessions that slta has not taken yet."""
        return [one for lanes in list(self._lanes.values()) for one in list(lanes.reports.live.values())]

    def _of(self, fleet: str) -> Lanes:
        if fleet not in self._lanes:
            renewals = Renewals(fleet)
            self._lanes[fleet] = Lanes(renewals, Reports(renewals), Completes(fleet))
        return self._lanes[fleet]
