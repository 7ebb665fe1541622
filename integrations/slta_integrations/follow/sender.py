"""Sender: bulk calls one after the other, repeated with backoff until every operation has a final outcome."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence

from slta_client.replies import Reply, outcomes
from slta_client.rules import bound_seconds, pause_seconds
from slta_client.timer import is_set_within
from slta_integrations.client import Client
from slta_integrations.follow.live import LiveSessions, Renewal
from slta_integrations.follow.log_line import Begin, End
from slta_integrations.follow.metrics import Metrics
from slta_integrations.follow.operations import KINDS, MAX_OPERATIONS, Line, age_bound, code_of, encode, is_final
from slta_integrations.notices import Notices

FIRST_DELAY_SECONDS = 0.1
MAX_DELAY_SECONDS = 2.0
REFUSED_DELAY_SECONDS = 5.0
HELD = frozenset({"new", "same", "moved"})
"""Outcomes of a report after which slta has the session."""
CHECKED_SESSION = "slta-follow-check"
"""Completed at the start: nobody has it, so that only the key and the fleet decide about the answer."""


class Sender:
    """Sends operations in order, with one call under way; tells `live` which sessions began and ended."""

    def __init__(
        self,
        client: Client,
        live: LiveSessions,
        metrics: Metrics,
        notices: Notices,
        *,
        lease_seconds: float | None = None,
        stopping: asyncio.Event,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`stopping` ends the retries; `clock` returns seconds since 1970."""
        self.live = live
        self.stopping = stopping
        self._client, self._metrics, self._notices = client, metrics, notices
        self._lease_seconds = lease_seconds
        self._clock = clock

    async def check(self) -> None:
        """Call once without a line, and log if the key or the fleet is refused; other failures are not about them."""
        reply = await self._client.operate(encode([End(CHECKED_SESSION, None, 0)], None, math.inf))
        if _is_refused(reply):
            self._say_refused(reply)
        elif reply.ok and outcomes(reply, 1)[0].code == "unknown_fleet":
            self._notices.say("call", "The fleet does not exist, the lines are kept: unknown_fleet")

    async def send(self, lines: Sequence[Line], written_after: float) -> bool:
        """Send until every outcome is final: True; False if stopped before."""
        for begin in range(0, len(lines), MAX_OPERATIONS):
            if not await self._send(lines[begin : begin + MAX_OPERATIONS], written_after):
                return False
        return True

    async def _send(self, waiting: Sequence[Line], written_after: float) -> bool:
        """Of one call. O(lines) for each attempt."""
        attempt = 0
        while waiting:
            age = age_bound(written_after, self._clock())
            reply = await self._client.operate(encode(waiting, self._lease_seconds, age))
            self._metrics.calls.labels(reply.code or "ok").inc()
            before = len(waiting)
            if reply.ok:
                waiting = self._settle(waiting, outcomes(reply, before))
            else:
                self._say_refused(reply)
            attempt = attempt + 1 if len(waiting) == before else 1
            if waiting and await is_set_within(self.stopping, _delay(attempt, reply)):
                return False
        self._notices.over("call", "slta answers again.")
        return True

    def _settle(self, waiting: Sequence[Line], found: Sequence[Reply]) -> list[Line]:
        """Count what is final; the rest, with all later lines of the same sessions, in their order."""
        open_codes: dict[str, str] = {}
        left = []
        for line, outcome in zip(waiting, found, strict=True):
            if not is_final(outcome):
                open_codes.setdefault(line.session_id, code_of(outcome))
            if line.session_id in open_codes:
                left.append(line)
            else:
                self._count(line, outcome)
        if left:
            code = next(iter(open_codes.values()))
            self._notices.say("call", f"{len(left)} of {len(waiting)} operations are repeated: {code}")
        return left

    def _count(self, line: Line, outcome: Reply) -> None:
        """Count a final outcome."""
        code = code_of(outcome)
        self._metrics.answers.labels(KINDS[type(line)], code).inc()
        match line:
            case Begin():
                self.live.note(line if code in HELD else line._replace(instance=None))
                self._metrics.elsewhere_sessions.inc(code == "moved")
            case End(session_id, pool_id, seconds):
                is_elsewhere = code == "completed" and pool_id not in {None, outcome.text("pool_id")}
                is_unseen = code == "unknown_session" and pool_id and not self.live.has(session_id)
                self._metrics.elsewhere_sessions.inc(is_elsewhere)
                self._metrics.unseen_session_seconds.inc(seconds if is_unseen else 0)
                self.live.note(line)
            case Renewal(session_id) if code != "renewed":
                self.live.note(End(session_id, None, 0))

    def _say_refused(self, reply: Reply) -> None:
        self._notices.say("call", f"No answer from slta, the lines are kept: {reply.problem}")


def _is_refused(reply: Reply) -> bool:
    """Whether slta will not accept such a call before somebody changes something."""
    return not (reply.ok or reply.may_pass)


def _delay(attempt: int, reply: Reply) -> float:
    """Seconds before the next attempt."""
    growing = bound_seconds(attempt, FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS)
    return pause_seconds(REFUSED_DELAY_SECONDS if _is_refused(reply) else growing, reply.retry_after)
