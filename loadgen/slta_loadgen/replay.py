"""Open-loop replay: arrivals keep their schedule whatever the service does, and latency counts from it."""

from __future__ import annotations

import asyncio
import math
import re
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from itertools import count
from typing import Any

from slta_loadgen.agenda import Agenda
from slta_loadgen.client import Client
from slta_loadgen.retry import RetryPolicy
from slta_loadgen.sessions import Session, Sessions
from slta_loadgen.workload import PlannedSession


class Drain(StrEnum):
    """What to do with live sessions after the last arrival."""

    NOW = "now"
    """Complete them at once."""
    SCHEDULE = "schedule"
    """Complete them on schedule."""
    KEEP = "keep"
    """Keep them, with no call in flight and unsettled ones ended; `Sessions.complete_all` ends them later."""


def new_id_prefix(seed: int | str = "") -> str:
    """Prefix of session ids, unique per run so that ids are never reused."""
    return f"lg{seed}-{secrets.token_hex(4)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplaySettings:
    """Replay settings. Arrivals from `duration_seconds` on are dropped.

    Counts and latencies begin after `warm_up_seconds`. With `lease_seconds` None the fleet's lease applies.
    """

    duration_seconds: float = math.inf
    warm_up_seconds: float = 0.0
    drain: Drain = Drain.NOW
    lease_seconds: float | None = None
    id_prefix: str = field(default_factory=new_id_prefix)
    retries: RetryPolicy = field(default_factory=RetryPolicy)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._:-]{1,100}", self.id_prefix):
            raise ValueError(f"an id prefix must be 1 to 100 of [A-Za-z0-9._:-], not {self.id_prefix!r}")


class Replay:
    """Replay of one workload on one fleet, once, by `run`; other methods may be called meanwhile.

    Results are in `sessions`; the tally restarts after the warm-up.
    A session ends its planned duration after its scheduled arrival, or at the reply to its assign if that is later.
    Memory: O(live sessions + pools + calls in flight), the last limited by the client's timeout.
    """

    def __init__(
        self,
        client: Client,
        workload: Iterable[PlannedSession],
        settings: ReplaySettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workload = workload
        self._settings = settings or ReplaySettings()
        self._clock = clock
        self.sessions = Sessions(
            client, clock, lease_seconds=self._settings.lease_seconds, retries=self._settings.retries
        )
        self._session_ids = (f"{self._settings.id_prefix}-{n}" for n in count())
        self._start_seconds = clock()
        self._sending: asyncio.Task[None] | None = None
        self._stopping = False
        self._all_sent = False
        self._ends_held = False
        self.calls_in_flight = 0
        """Assigns and completes."""
        self._warmed_up = asyncio.Event()
        self._nothing_to_wait_for = asyncio.Event()

    @property
    def is_arriving(self) -> bool:
        """Whether more sessions may arrive."""
        return not self._all_sent

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    @property
    def elapsed_seconds(self) -> float:
        """Time since the start, warm-up included."""
        return self._clock() - self._start_seconds

    async def warmed_up(self) -> None:
        """Wait for the end of the warm-up or of the run."""
        await self._warmed_up.wait()

    def stop(self) -> None:
        """End the arrivals, ignore the schedule and let `run` drain. Idempotent; also valid before `run`."""
        self._stopping = True
        self._nothing_to_wait_for.set()
        if self._sending:
            self._sending.cancel()

    async def run(self) -> None:
        """Play the workload, then drain. Leaves no call and no timer behind, even if cancelled."""
        self._start_seconds = self._clock()
        if not self._settings.warm_up_seconds:
            self._begin_counting()
        warm_up = asyncio.get_running_loop().call_later(self._settings.warm_up_seconds, self._begin_counting)
        self._agenda = Agenda(self._clock)
        try:
            async with asyncio.TaskGroup() as self._calls:
                await self._play()
        finally:
            warm_up.cancel()
            self._agenda.close()
            self._warmed_up.set()
        if self._settings.drain is Drain.KEEP:
            await self.sessions.settle_all()
        else:
            await self.sessions.complete_all()

    def _begin_counting(self) -> None:
        if not self._warmed_up.is_set():
            self.sessions.begin_counting()
            self._warmed_up.set()

    async def _play(self) -> None:
        """Play the arrivals. On return nothing will start another call; some may be in flight."""
        background = [
            self._calls.create_task(self.sessions.keep_settling()),
            self._calls.create_task(self.sessions.keep_renewing()),
        ]
        try:
            await self._send_all()
            if self._settings.drain is Drain.SCHEDULE:
                self._look_for_the_end()
                await self._nothing_to_wait_for.wait()
        finally:
            self._ends_held = True
            for session in self.sessions.live.values():
                if session.end_timer:
                    session.end_timer.cancel()
            for task in background:
                task.cancel()

    async def _send_all(self) -> None:
        if not self._stopping:
            self._sending = self._calls.create_task(self._send_arrivals())
            await asyncio.wait([self._sending])
        self._all_sent = True
        schedule_seconds = math.inf if self._stopping else self._settings.duration_seconds
        self.sessions.tally.close(self._clock(), self._start_seconds + schedule_seconds)

    async def _send_arrivals(self) -> None:
        end_seconds = self._settings.duration_seconds
        for start_seconds, duration_seconds, session_type in self._workload:
            if start_seconds >= end_seconds:
                break
            due_seconds = self._start_seconds + start_seconds
            await self._agenda.sleep_until(due_seconds)
            ends_seconds = due_seconds + duration_seconds
            session = Session(next(self._session_ids), due_seconds, ends_seconds, session_type=session_type)
            self._begin(self._place(session))
        if end_seconds < math.inf:
            await self._agenda.sleep_until(self._start_seconds + end_seconds)

    async def _place(self, session: Session) -> None:
        if await self.sessions.assign(session) and not self._ends_held:
            session.ends_seconds = max(session.ends_seconds, self._clock())
            session.end_timer = self._agenda.at(session.ends_seconds, partial(self._end, session))

    def _end(self, session: Session) -> None:
        session.end_timer = None
        if session.session_id in self.sessions.live:
            self._begin(self.sessions.complete(session))
        else:
            self._look_for_the_end()

    def _begin(self, call: Coroutine[Any, Any, None]) -> None:
        self.calls_in_flight += 1
        self._calls.create_task(call).add_done_callback(self._call_over)

    def _call_over(self, _: asyncio.Task[None]) -> None:
        self.calls_in_flight -= 1
        self._look_for_the_end()

    def _look_for_the_end(self) -> None:
        if self._all_sent and not self.calls_in_flight and not self.sessions.live:
            self._nothing_to_wait_for.set()
