"""Sender: bulk calls one after the other, repeated with backoff until every operation has a final outcome."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence

from slta_client.replies import Reply, outcomes
from slta_client.rules import bound_seconds, pause_seconds
from slta_client.timer import is_set_within
from slta_integrations.client import Client
from slta_integrations.follow.live import LiveSessions
from slta_integrations.follow.metrics import Metrics
from slta_integrations.follow.operations import MAX_OPERATIONS, Operation, Tally, code_of, encode, is_final, to_repeat
from slta_integrations.notices import Notices

FIRST_DELAY_SECONDS = 0.1
MAX_DELAY_SECONDS = 2.0
REFUSED_DELAY_SECONDS = 5.0
CHECKED_SESSION = "slta-follow-check"
"""Completed at the start: nobody has it, so that only the key and the fleet decide about the answer."""


class Sender:
    """Sends operations in order, with one call under way."""

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
        self._client = client
        self.live = live
        self._metrics = metrics
        self._notices = notices
        self._lease_seconds = lease_seconds
        self._stopping = stopping
        self._clock = clock
        self._tally = Tally(metrics, live)

    async def check(self) -> None:
        """Call once without a line, and log if the key or the fleet is refused; other failures are not about them."""
        complete = {"complete": {"session_id": CHECKED_SESSION, "mark": False}}
        reply = await self._client.operate(json.dumps({"operations": [complete]}).encode())
        if _is_refused(reply):
            self._refused([], reply)
        elif reply.ok and outcomes(reply, 1)[0].code == "unknown_fleet":
            self._notices.say("call", "The fleet does not exist, the lines are kept: unknown_fleet")

    async def send(self, operations: Sequence[Operation]) -> bool:
        """Send until every outcome is final: True; False if stopped before."""
        parts = (operations[begin : begin + MAX_OPERATIONS] for begin in range(0, len(operations), MAX_OPERATIONS))
        for part in parts:
            if not await self._send(list(part)):
                return False
        return True

    async def _send(self, waiting: list[Operation]) -> bool:
        """Of one call. O(operations) for each attempt."""
        attempt = 0
        while waiting:
            reply = await self._client.operate(encode(waiting, self._lease_seconds, self._clock()))
            self._metrics.calls.labels(reply.code or "ok").inc()
            before = len(waiting)
            waiting = self._settle(waiting, reply) if reply.ok else self._refused(waiting, reply)
            attempt = attempt + 1 if len(waiting) == before else 1
            if waiting and await is_set_within(self._stopping, _delay(attempt, reply)):
                return False
        self._notices.over("call", "slta answers again.")
        return True

    def _settle(self, waiting: Sequence[Operation], reply: Reply) -> list[Operation]:
        """Count what is final; the rest."""
        found = outcomes(reply, len(waiting))
        left = []
        for operation, outcome, is_open in zip(waiting, found, to_repeat(waiting, found), strict=True):
            if is_open:
                left.append(operation)
            else:
                self._tally.count(operation, outcome)
        if left:
            code = next(code_of(outcome) for outcome in found if not is_final(outcome))
            self._notices.say("call", f"{len(left)} of {len(waiting)} operations are repeated: {code}")
        return left

    def _refused(self, waiting: list[Operation], reply: Reply) -> list[Operation]:
        self._notices.say("call", f"No answer from slta, the lines are kept: {reply.problem}")
        return waiting


def _is_refused(reply: Reply) -> bool:
    """Whether slta will not accept such a call before somebody changes something."""
    return not (reply.ok or reply.may_pass)


def _delay(attempt: int, reply: Reply) -> float:
    """Seconds before the next attempt."""
    growing = bound_seconds(attempt, FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS)
    return pause_seconds(REFUSED_DELAY_SECONDS if _is_refused(reply) else growing, reply.retry_after)
