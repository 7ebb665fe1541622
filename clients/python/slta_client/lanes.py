"""Lanes: of one fleet, the schedule of its renewals and the queue of its completes, each sent as bulk calls."""

from __future__ import annotations

import heapq
import random
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import count
from math import inf
from typing import Any, Generic, TypeVar

from slta_client import metrics
from slta_client.replies import Reply
from slta_client.rules import delay_seconds, rule_of
from slta_client.session import Session

MAX_OPERATIONS = 1000
"""In one bulk call."""
NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._:-]{1,128}")
"""What slta takes as an id or a type. One that it refuses would make it refuse all operations of a bulk call."""
MIN_LEFT_SECONDS = 0.2
"""A lease of which less is left cannot be saved by a shorter deadline."""
LOST = {"session_ended": "expired", "unknown_session": "unknown"}
"""What a renewal's code means; `expired` stands for any reason until slta has named it."""

Item = TypeVar("Item")


class Lane(ABC, Generic[Item]):
    """Lane: what of one kind is due in one fleet, and how long to hold it back after a failure."""

    def __init__(self, fleet: str) -> None:
        self.fleet = fleet
        self._failures = 0
        self._not_before = -inf

    def ready_at(self) -> float:
        """When the next call may be sent; inf if nothing waits."""
        return max(self._due_at(), self._not_before)

    def back_off(self, worst: Reply | None, now: float, rng: random.Random) -> None:
        """Hold back after a call that left something to repeat, because of `worst`; None: it left nothing."""
        if worst is None:
            self._failures = 0
            return
        metrics.count("retries", worst.code)
        self._not_before = now + delay_seconds(worst, self._failures, rng)
        self._failures += not worst.reused

    @abstractmethod
    def _due_at(self) -> float: ...

    @abstractmethod
    def take(self, now: float) -> list[Item]:
        """Take what one call may hold, in due order."""

    @abstractmethod
    def operation(self, item: Item) -> dict[str, Any]:
        """An operation of the bulk call."""

    def deadline_seconds(self, items: Sequence[Item], longest: float, now: float) -> float:  # noqa: ARG002
        """Deadline of the call, at most `longest`."""
        return longest

    @abstractmethod
    def settle(self, item: Item, outcome: Reply, sent_at: float) -> bool:
        """Apply an outcome; False if the operation must be repeated."""

    def lost(self, items: Sequence[Item]) -> list[Session]:  # noqa: ARG002
        """Those of the items that an outcome has marked as lost."""
        return []


class Schedule(Lane[Session]):
    """Schedule of live sessions, each with the time at which its next operation is due."""

    def __init__(self, fleet: str) -> None:
        super().__init__(fleet)
        self.live: dict[str, Session] = {}
        self._heap: list[tuple[float, int, Session]] = []
        self._ticket = count()

    def _push(self, session: Session) -> None:
        heapq.heappush(self._heap, (session.due_at, next(self._ticket), session))

    def end(self, session: Session) -> bool:
        """Forget a live session; True if slta must be told its end."""
        del self.live[session.id]
        return True

    def is_live(self, session: Session) -> bool:
        """True if the session is in this schedule."""
        return self.live.get(session.id) is session

    def _due_at(self) -> float:
        while self._heap and not self.is_live(self._heap[0][2]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else inf

    def take(self, now: float) -> list[Session]:
        """Those that are due, and those that are nearly due."""
        taken: list[Session] = []
        while len(taken) < MAX_OPERATIONS and self._due_at() < inf and self._heap[0][2].early_at <= now:
            taken.append(heapq.heappop(self._heap)[2])
        return taken


class Renewals(Schedule):
    """Schedule of renewals: each session a third of its lease after the last one, until it ends or is lost.

    A lease that ran out while slta was away is renewed all the same: only slta says that a session is lost.
    """

    def add(self, session: Session) -> None:
        """Schedule a session's next renewal. O(log sessions)."""
        self.live[session.id] = session
        self._schedule(session)

    def _schedule(self, session: Session) -> None:
        if session.lease_seconds > 0:
            self._push(session)

    def operation(self, item: Session) -> dict[str, Any]:
        """Renew with the lease's own length."""
        return {"renew": {"session_id": item.id}}

    def deadline_seconds(self, items: Sequence[Session], longest: float, now: float) -> float:
        """Half of what is left of the shortest lease, so that a second try fits in."""
        left = [session.lease_ends_at - now for session in items]
        return min([longest, *(seconds / 2 for seconds in left if seconds > MIN_LEFT_SECONDS)])

    def settle(self, item: Session, outcome: Reply, sent_at: float) -> bool:
        """Begin the lease again, or mark the session as lost; nothing if it has ended meanwhile."""
        if not self.is_live(item):
            return True
        if outcome.code in LOST:
            item.lost = LOST[outcome.code]
            del self.live[item.id]
            return True
        if outcome.ok:
            item.leased(sent_at)
        self._schedule(item)
        return outcome.ok

    def lost(self, items: Sequence[Session]) -> list[Session]:
        """Those whose place was given away."""
        return [session for session in items if session.lost is not None]


class Completes(Lane[tuple[str, float]]):
    """Queue of completes: ids, and when slta has ended them by their leases, from when on they need no end."""

    def __init__(self, fleet: str) -> None:
        super().__init__(fleet)
        self._queue: dict[str, float] = {}
        self._sent: set[str] = set()

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, session_id: str, until: float) -> None:
        """Queue an end."""
        self._queue[session_id] = until

    def withdraw(self, session_id: str) -> bool:
        """Forget an end, and do not repeat one that is under way; False if there is none."""
        is_sent = session_id in self._sent
        self._sent.discard(session_id)
        return self._queue.pop(session_id, None) is not None or is_sent

    def _due_at(self) -> float:
        return -inf if self._queue else inf

    def take(self, now: float) -> list[tuple[str, float]]:
        """The oldest ones that still need it."""
        taken: list[tuple[str, float]] = []
        while self._queue and len(taken) < MAX_OPERATIONS:
            session_id = next(iter(self._queue))
            until = self._queue.pop(session_id)
            if until > now:
                taken.append((session_id, until))
            else:
                metrics.count("dropped_completes")
        self._sent = {session_id for session_id, _ in taken}
        return taken

    def operation(self, item: tuple[str, float]) -> dict[str, Any]:
        """Complete."""
        return {"complete": {"session_id": item[0]}}

    def settle(self, item: tuple[str, float], outcome: Reply, sent_at: float) -> bool:  # noqa: ARG002
        """Done, also if slta does not know the id, or it is placed again; else left to its lease if refused."""
        is_wanted = item[0] in self._sent
        self._sent.discard(item[0])
        if outcome.ok or not is_wanted or outcome.code == "unknown_session":
            return True
        if rule_of(outcome).retry:
            self.add(*item)
            return False
        metrics.count("dropped_completes")
        return True
