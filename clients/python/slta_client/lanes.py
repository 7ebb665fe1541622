"""Lanes of one fleet: its schedules of renewals and reports and its queue of completes, each sent as bulk calls."""

from __future__ import annotations

import heapq
import logging
import random
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from math import inf
from typing import Any, Generic, TypeVar

from slta_client import metrics
from slta_client.endpoints import DEFAULT_TYPE
from slta_client.replies import Reply
from slta_client.rules import delay_seconds, rule_of
from slta_client.session import Session

MAX_OPERATIONS = 1000
"""In one bulk call."""
NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._:-]{1,128}")
"""What slta takes as an id or a type. One that it refuses would make it refuse all operations of a bulk call."""
AGAIN_SECONDS = 60.0
"""Between two reports of a session that slta refuses."""
MIN_LEFT_SECONDS = 0.2
"""A lease of which less is left cannot be saved by a shorter deadline."""
LOST = {"session_ended": "expired", "unknown_session": "unknown"}
"""What a renewal's code means; `expired` stands for any reason until slta has named it."""

_log = logging.getLogger("slta_client")


@dataclass(eq=False, slots=True)
class End:
    """End of a session that slta may have, due at once. At `lease_ends_at` slta has ended it by itself."""

    id: str
    lease_ends_at: float
    due_at: float = -inf
    early_at: float = -inf


Item = TypeVar("Item", bound=Session | End)


class Lane(ABC, Generic[Item]):
    """Lane of one fleet: each item's next operation with its due time, and how long to hold all back after a failure.

    An item is live until it is deleted, also while its operation is under way.
    """

    def __init__(self, fleet: str) -> None:
        self.fleet = fleet
        self.live: dict[str, Item] = {}
        self.lost: list[Session] = []
        """Sessions whose place was given away, and whose applications do not know it yet."""
        self._heap: list[tuple[float, int, Item]] = []
        self._ticket = count()
        self._failures = 0
        self._not_before = -inf

    def add(self, item: Item) -> None:
        """Schedule the next operation of an item. O(log items)."""
        self.live[item.id] = item
        self._push(item)

    def is_live(self, item: Item) -> bool:
        """True if the item is in this lane."""
        return self.live.get(item.id) is item

    def end(self, item: Item) -> bool:
        """Forget a live item; True if slta must be told its end."""
        del self.live[item.id]
        return True

    def ready_at(self) -> float:
        """When the next call may be sent; inf if nothing waits."""
        while self._heap and not self.is_live(self._heap[0][2]):
            heapq.heappop(self._heap)
        return max(self._heap[0][0], self._not_before) if self._heap else inf

    def take(self, now: float) -> list[Item]:
        """Take what one call may hold: what is due, and what is nearly due, in due order."""
        taken: list[Item] = []
        while len(taken) < MAX_OPERATIONS and self.ready_at() < inf and self._heap[0][2].early_at <= now:
            taken.append(heapq.heappop(self._heap)[2])
        return taken

    def deadline_seconds(self, items: Sequence[Item], longest: float, now: float) -> float:
        """Half of what is left of the shortest lease, so that a second try fits in; at most `longest`."""
        left = [item.lease_ends_at - now for item in items]
        return min([longest, *(seconds / 2 for seconds in left if seconds > MIN_LEFT_SECONDS)])

    def back_off(self, worst: Reply | None, now: float, rng: random.Random) -> None:
        """Hold back after a call that left something to repeat, because of `worst`; None: it left nothing."""
        if worst is None:
            self._failures = 0
            return
        metrics.count("retries", worst.code)
        self._not_before = now + delay_seconds(worst, self._failures, rng)
        self._failures += not worst.reused

    def _push(self, item: Item) -> None:
        heapq.heappush(self._heap, (item.due_at, next(self._ticket), item))

    @abstractmethod
    def operation(self, item: Item) -> dict[str, Any]:
        """An operation of the bulk call."""

    @abstractmethod
    def settle(self, item: Item, outcome: Reply, sent_at: float) -> bool:
        """Apply an outcome to a live item; False if the operation must be repeated."""


class Renewals(Lane[Session]):
    """Schedule of renewals: each session a third of its lease after the last one, until it ends or is lost.

    A lease that ran out while slta was away is renewed all the same: only slta says that a session is lost.
    """

    def _push(self, item: Session) -> None:
        if item.lease_seconds > 0:
            super()._push(item)

    def operation(self, item: Session) -> dict[str, Any]:
        """Renew with the lease's own length."""
        return {"renew": {"session_id": item.id}}

    def settle(self, item: Session, outcome: Reply, sent_at: float) -> bool:
        """Begin the lease again, or mark the session as lost."""
        if outcome.code in LOST:
            item.lost = LOST[outcome.code]
            del self.live[item.id]
            self.lost.append(item)
            return True
        if outcome.ok:
            item.leased(sent_at)
        self._push(item)
        return outcome.ok


class Reports(Lane[Session]):
    """Schedule of reports. A session that slta has taken is renewed from then on; one that it refuses goes on."""

    def __init__(self, renewals: Renewals) -> None:
        super().__init__(renewals.fleet)
        self._renewals = renewals

    def end(self, session: Session) -> bool:
        """Report it no more; True if slta may know it, as after a report under way, and must be told its end."""
        super().end(session)
        return session.in_doubt or session.due_at == inf

    def take(self, now: float) -> list[Session]:
        """Those that are due. If this report arrives, their leases begin now at the earliest."""
        taken = super().take(now)
        for session in taken:
            session.lease_ends_at, session.due_at = now + session.lease_seconds, inf
        return taken

    def operation(self, item: Session) -> dict[str, Any]:
        """Report with the lease that was wanted. It is late: the session may have begun some time ago."""
        lease = {} if item.wanted_lease is None else {"lease_seconds": item.wanted_lease}
        kind = {} if item.session_type == DEFAULT_TYPE else {"session_type": item.session_type}
        return {"report": {"session_id": item.id, "pool_id": item.pool_id, **kind, "late": True, **lease}}

    def settle(self, item: Session, outcome: Reply, sent_at: float) -> bool:
        """Hand the session over to the renewals, or report it again: at once, or later if it was refused."""
        item.due_at = sent_at
        if outcome.ok:
            self._hand_over(item, outcome, sent_at)
            return True
        rule = rule_of(outcome)
        item.in_doubt = item.in_doubt or rule.in_doubt
        if rule.retry:
            self._push(item)
        else:
            self._refuse(item, outcome, sent_at)
        return not rule.retry

    def _hand_over(self, item: Session, outcome: Reply, sent_at: float) -> None:
        """Renew it as any other; at once if slta knew it, as a report does not renew its lease."""
        del self.live[item.id]
        item.lease_seconds = outcome.seconds("lease_seconds") or 0.0
        item.session_type = outcome.text("session_type") or item.session_type
        item.leased(sent_at)
        if outcome.text("outcome") != "new":
            item.due_at = sent_at
        self._renewals.add(item)

    def _refuse(self, item: Session, outcome: Reply, sent_at: float) -> None:
        """Report it again in a minute, unless its id has ended: it can never be live again."""
        metrics.count("refused_reports", outcome.code)
        _log.warning("slta refused session %s, which was placed on %s: %s", item.id, item.pool_id, outcome.code)
        if outcome.code == "session_ended":
            item.in_doubt = False
        else:
            item.due_at = sent_at + AGAIN_SECONDS
            self._push(item)


class Completes(Lane[End]):
    """Queue of completes: each repeated until slta has confirmed it, or has ended the session by its lease."""

    def withdraw(self, session_id: str) -> bool:
        """Forget an end, and do not repeat one that is under way; False if there is none."""
        return self.live.pop(session_id, None) is not None

    def take(self, now: float) -> list[End]:
        """The oldest ones that still need it."""
        taken = super().take(now)
        for end in taken:
            if end.lease_ends_at <= now:
                self._drop(end)
        return [end for end in taken if end.lease_ends_at > now]

    def operation(self, item: End) -> dict[str, Any]:
        """Complete."""
        return {"complete": {"session_id": item.id}}

    def settle(self, item: End, outcome: Reply, sent_at: float) -> bool:  # noqa: ARG002
        """Done, also if slta does not know the id; else left to its lease if refused."""
        if outcome.ok or outcome.code == "unknown_session":
            del self.live[item.id]
            return True
        if rule_of(outcome).retry:
            self._push(item)
            return False
        self._drop(item)
        return True

    def _drop(self, end: End) -> None:
        del self.live[end.id]
        metrics.count("dropped_completes")
