"""Cache of expected placement gaps: a read returns the cached value and schedules a missing one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal

import structlog

from slta.core.fleet import FleetSpec
from slta.expected_gap.worker_client import ExpectedGapWorker, WorkerFailedError
from slta.models import Snapshot
from slta.views.expected_gap import PENDING, ExpectedGap, ExpectedGapQuestion, question_at, question_now

PAUSE_SECONDS = 10.0
"""Minimum interval between predictions of one fleet."""
IDLE_SECONDS = 60.0
"""Idle time after which the subprocess is stopped."""
KEPT_SECONDS = 600.0
"""Time since the last read after which a fleet is evicted."""
MAX_ANSWERS = 16
"""Maximum cached predictions per fleet."""
NEAR = 0.02
"""Maximum relative difference in load at which a cached prediction substitutes for a pending one."""

log = structlog.get_logger(__name__)

Kind = Literal["now", "what if"]


@dataclass
class _Fleet:
    """Cache entry of a fleet: predictions from the oldest, pending question by kind, due time and last read."""

    answers: dict[ExpectedGapQuestion, ExpectedGap] = field(default_factory=dict)
    waiting: dict[Kind, ExpectedGapQuestion] = field(default_factory=dict)
    due: float = 0.0
    read: float = 0.0


@dataclass(eq=False)
class ExpectedGapCache:
    """Predictions of one dispatcher, computed on demand while the context `under_way` is entered.

    `worker` has a subprocess that starts on demand; `clock` returns seconds.
    """

    worker: ExpectedGapWorker = field(default_factory=ExpectedGapWorker)
    _: KW_ONLY
    pause_seconds: float = PAUSE_SECONDS
    idle_seconds: float = IDLE_SECONDS
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._fleets: dict[str, _Fleet] = {}
        self._wake_up = asyncio.Event()

    def now(self, snapshot: Snapshot, spec: FleetSpec) -> ExpectedGap:
        """Expected gap at the current pools and mean load, without blocking."""
        return self._answer("now", question_now(snapshot, spec))

    def what_if(self, snapshot: Snapshot, spec: FleetSpec, pools: Sequence[int], sessions: float) -> ExpectedGap:
        """Expected gap at given pools and load, without blocking."""
        return self._answer("what if", question_at(snapshot, spec, pools, sessions))

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        """Compute predictions in a background task meanwhile."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self.worker.end()

    def _answer(self, kind: Kind, question: ExpectedGapQuestion | ExpectedGap) -> ExpectedGap:
        if isinstance(question, ExpectedGap):
            return question
        fleet = self._fleets.setdefault(question.fleet, _Fleet())
        fleet.read = self.clock()
        if question in fleet.answers:
            return fleet.answers[question]
        fleet.waiting[kind] = question
        self._wake_up.set()
        return (kind == "now" and _nearest(fleet.answers, question)) or PENDING

    async def _run(self) -> None:
        while True:
            self._evict()
            fleet = self._next()
            if fleet is not None and fleet.due <= self.clock():
                await self._predict(fleet)
            elif not await self._wait(fleet) and fleet is None:
                await self.worker.end()

    def _next(self) -> _Fleet | None:
        waiting = [fleet for fleet in self._fleets.values() if fleet.waiting]
        return min(waiting, key=lambda fleet: fleet.due, default=None)

    async def _wait(self, fleet: _Fleet | None) -> bool:
        """Wait for a new question; False on timeout: the fleet is due, or without one the idle time is over."""
        self._wake_up.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(fleet.due - self.clock() if fleet else self.idle_seconds):
                return await self._wake_up.wait()
        return False

    async def _predict(self, fleet: _Fleet) -> None:
        """Compute the fleet's oldest pending question."""
        question = fleet.waiting.pop(next(iter(fleet.waiting)))
        fleet.due = self.clock() + self.pause_seconds
        try:
            fleet.answers[question] = await self.worker.ask(question)
        except WorkerFailedError as error:
            log.warning("prediction_failed", fleet=question.fleet, why=str(error))
        if len(fleet.answers) > MAX_ANSWERS:
            fleet.answers.pop(next(iter(fleet.answers)))

    def _evict(self) -> None:
        oldest = self.clock() - KEPT_SECONDS
        self._fleets = {name: fleet for name, fleet in self._fleets.items() if fleet.read > oldest}


def _nearest(answers: dict[ExpectedGapQuestion, ExpectedGap], question: ExpectedGapQuestion) -> ExpectedGap | None:
    """The cached prediction for the same pools and configuration at the nearest load, within `NEAR`."""
    distances = {
        abs(cached.sessions - question.sessions): answer
        for cached, answer in answers.items()
        if (cached.store_epoch, cached.config_version, cached.pools)
        == (question.store_epoch, question.config_version, question.pools)
    }
    nearest = min(distances, default=None)
    return distances[nearest] if nearest is not None and nearest <= NEAR * question.sessions else None
