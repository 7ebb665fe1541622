"""Session lifecycle of a replay: assign, renew, complete, and settle after a lost reply."""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from slta_loadgen.agenda import Appointment
from slta_loadgen.client import Client
from slta_loadgen.record import Mark, Record
from slta_loadgen.retry import FinalReply, Retrying, RetryPolicy, is_final
from slta_loadgen.run_report import Latencies, Summary, Tally

_UNSETTLED_AT_MOST = 100_000
_SETTLING_CALLS = 64
_RENEWALS_PER_LEASE = 3
_RENEWED_PER_CALL = 500


@dataclass(slots=True, eq=False)
class Session:
    """A session; `due_seconds` and `ends_seconds` are its scheduled arrival and end on the replay's clock.

    `written_seconds` is when its first assign was written; None before.
    """

    session_id: str
    due_seconds: float
    ends_seconds: float
    pool_id: str | None = None
    end_timer: Appointment | None = None
    written_seconds: float | None = None
    session_type: str | None = None


class Sessions:
    """Sends assigns and completes and tracks each session until its end is certain.

    `live` sessions are placed and not completed. `unsettled` sessions may still occupy a pool because a call had no
    final reply. Only an answered assign is followed by a complete. `record` has the occupancies, `tally` the counts
    since `begin_counting`, or since creation.
    """

    def __init__(
        self, client: Client, clock: Callable[[], float], *, lease_seconds: float | None, retries: RetryPolicy
    ) -> None:
        self._client = client
        self._clock = clock
        self._retrying = Retrying(retries, random.Random())
        self._settle_every_seconds = retries.settle_every_seconds
        self._lease_seconds = lease_seconds
        self._granted_lease_seconds = 0.0
        self._lease_is_known = asyncio.Event()
        self.live: dict[str, Session] = {}
        self.unsettled: OrderedDict[str, Session] = OrderedDict()
        self.record = Record()
        self.tally = Tally(clock())

    def begin_counting(self) -> None:
        """Start a new tally. Calls in flight count in the old one."""
        self.tally = Tally(self._clock())

    def summary(self) -> Summary:
        """The tally so far."""
        return self.tally.summary(self._clock(), live_sessions=len(self.live), unsettled_sessions=len(self.unsettled))

    def recent_ms(self) -> Latencies:
        """Latencies of the last ten seconds."""
        return self.tally.recent(self._clock())

    def mark(self) -> Mark:
        """The record's integral now; two marks give the mean number of sessions."""
        return self.record.mark(self._clock())

    async def assign(self, session: Session) -> bool:
        """Assign a session. True if it is live."""
        tally = self.tally
        tally.arrived(session.due_seconds)
        answer = await self._ask_for_place(session)
        tally.assigned(
            answer, session.due_seconds, session.written_seconds, self._clock(), session_type=session.session_type
        )
        if answer.reply.ok:
            self.live[session.session_id] = session
        elif answer.in_doubt:
            self._leave_unsettled(session)
        return answer.reply.ok

    async def complete(self, session: Session) -> None:
        """Complete a live session at its scheduled end, or late."""
        tally, due_seconds = self.tally, min(session.ends_seconds, self._clock())
        answer = await self._ask_for_end(session)
        now = self._clock()
        tally.completed(answer, now - due_seconds, now)
        if self.live.pop(session.session_id, None) and not _is_closing(answer):
            self._leave_unsettled(session)

    async def keep_renewing(self) -> None:
        """Renew all live sessions three times per lease, until cancelled.

        A failed renewal is repeated by the next round; sessions that the service has ended are removed.
        """
        await self._lease_is_known.wait()
        lease_seconds = self._granted_lease_seconds
        while lease_seconds:
            await asyncio.sleep(lease_seconds / _RENEWALS_PER_LEASE)
            session_ids = [session_id for session_id, session in self.live.items() if session.end_timer]
            for start in range(0, len(session_ids), _RENEWED_PER_CALL):
                reply = await self._client.renew(session_ids[start : start + _RENEWED_PER_CALL], lease_seconds)
                for session_id in (*reply.body.get("expired", ()), *reply.body.get("unknown", ())):
                    self._found_ended(session_id)

    def _found_ended(self, session_id: str) -> None:
        """Remove a session that the service has ended, unless our complete is in flight."""
        session = self.live.get(session_id)
        if session and session.end_timer:
            del self.live[session_id]
            self._ended(session)
            self.tally.outcomes["renew"]["ended"] += 1

    async def keep_settling(self) -> None:
        """Retry unsettled sessions one by one; one per round while the service does not respond."""
        while True:
            await asyncio.sleep(self._settle_every_seconds)
            while self.unsettled and await self._settle(next(iter(self.unsettled.values())), "settle"):
                pass

    async def settle_all(self) -> None:
        """Retry all unsettled sessions once."""
        await self._settle_each([*self.unsettled.values()], "settle")

    async def complete_all(self) -> None:
        """Complete all live and unsettled sessions. Without a final reply a session stays unsettled."""
        await self._settle_each([*self.live.values(), *self.unsettled.values()], "drain")

    async def _settle_each(self, sessions: Iterable[Session], call: str) -> None:
        in_turn = iter(sessions)

        async def settle_in_turn() -> None:
            for session in in_turn:
                await self._settle(session, call)

        async with asyncio.TaskGroup() as calls:
            for _ in range(_SETTLING_CALLS):
                calls.create_task(settle_in_turn())

    async def _settle(self, session: Session, call: str) -> bool:
        """End an unsettled session. False: it stays unsettled, at the end of the queue."""
        if session.pool_id is None:
            answer = await self._ask_for_place(session)
            self.tally.count(call, answer)
            if not answer.reply.ok:
                return self._settled(session, is_final(answer.reply))
        answer = await self._ask_for_end(session)
        self.tally.count(call, answer)
        return self._settled(session, _is_closing(answer))

    def _settled(self, session: Session, is_over: bool) -> bool:  # noqa: FBT001
        self.live.pop(session.session_id, None)
        self.unsettled.pop(session.session_id, None)
        if not is_over:
            self._leave_unsettled(session)
        return is_over

    def _leave_unsettled(self, session: Session) -> None:
        if len(self.unsettled) < _UNSETTLED_AT_MOST:
            self.unsettled[session.session_id] = session
        else:
            self.tally.outcomes["settle"]["given_up"] += 1

    async def _ask_for_place(self, session: Session) -> FinalReply:
        written = partial(self._written, session)
        answer = await self._retrying.answer(
            partial(self._client.assign, session.session_id, self._lease_seconds, written, session.session_type)
        )
        if answer.reply.ok:
            session.pool_id = str(answer.reply.body["pool_id"])
            self.record.placed(session.pool_id, self._clock())
            self._granted_lease_seconds = float(answer.reply.body["lease_seconds"])
            self._lease_is_known.set()
        return answer

    def _written(self, session: Session) -> None:
        if session.written_seconds is None:
            session.written_seconds = self._clock()

    async def _ask_for_end(self, session: Session) -> FinalReply:
        answer = await self._retrying.answer(partial(self._client.complete, session.session_id))
        if _is_closing(answer):
            self._ended(session)
        return answer

    def _ended(self, session: Session) -> None:
        """Count the end once, whichever of complete and renewal reports it first."""
        if session.pool_id is not None:
            self.record.ended(session.pool_id, self._clock())
            session.pool_id = None


def _is_closing(answer: FinalReply) -> bool:
    return answer.reply.ok or answer.reply.code == "unknown_session"
