"""Reports: of one fleet, the schedule of sessions that the fallback placed and slta does not know yet."""

from __future__ import annotations

import logging
from typing import Any

from slta_client import metrics
from slta_client.endpoints import DEFAULT_TYPE
from slta_client.lanes import Renewals, Schedule
from slta_client.replies import Reply
from slta_client.rules import rule_of
from slta_client.session import Session

AGAIN_SECONDS = 60.0
"""Between two reports of a session that slta refuses."""

_log = logging.getLogger("slta_client")


class Reports(Schedule):
    """Schedule of reports. A session that slta has taken is renewed from then on; one that it refuses goes on."""

    def __init__(self, renewals: Renewals) -> None:
        super().__init__(renewals.fleet)
        self._renewals = renewals
        self._sent: set[str] = set()

    def add(self, session: Session) -> None:
        """Report the session as soon as slta answers. O(log sessions)."""
        self.live[session.id] = session
        self._push(session)

    def end(self, session: Session) -> bool:
        """Report it no more; True if slta may know it, and must be told its end."""
        del self.live[session.id]
        return session.in_doubt or session.id in self._sent

    def take(self, now: float) -> list[Session]:
        """Those that are due. If this report arrives, their leases begin now at the earliest."""
        taken = super().take(now)
        for session in taken:
            session.lease_ends_at = now + session.lease_seconds
        self._sent = {session.id for session in taken}
        return taken

    def operation(self, item: Session) -> dict[str, Any]:
        """Report with the lease that was wanted. It is late: the session may have begun some time ago."""
        lease = {} if item.wanted_lease is None else {"lease_seconds": item.wanted_lease}
        kind = {} if item.session_type == DEFAULT_TYPE else {"session_type": item.session_type}
        return {"report": {"session_id": item.id, "pool_id": item.pool_id, **kind, "late": True, **lease}}

    def settle(self, item: Session, outcome: Reply, sent_at: float) -> bool:
        """Hand the session over to the renewals, or report it again: at once, or later if it was refused."""
        self._sent.discard(item.id)
        if not self.is_live(item):
            return True
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
