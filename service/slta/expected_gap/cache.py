"""Cache of expected placement gaps: a read returns the cached value and schedules a missing one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal

import structlog

from slta.calculations.client import CalculationFailedError, Calculator
from slta.core.fleet import FleetSpec
from slta.expected_gap.schedule import PAUSE_SECONDS, SHARE, Schedule, Turn
from slta.models import Snapshot
from slta.views.expected_gap import PENDING, ExpectedGap, ExpectedGapQuestion, question_at, question_now

IDLE_SECONDS = 60.0
"""Idle time after which the subprocess is stopped."""
SHOWN_SECONDS = 120.0
"""Time since a fleet's last read for which `known` has its prediction."""
MAX_ANSWERS = 16
"""Maximum cached predictions per fleet."""
NEAR = 0.02
"""Maximum relative difference in load at which a cached prediction substitutes for a pending one."""

log = structlog.get_logger(__name__)

Kind = Literal["now", "what if"]


@dataclass
class _Fleet:
    """Cache entry of a fleet: predictions from the oldest, pending question by kind, and the last question of now."""

    answers: dict[ExpectedGapQuestion, ExpectedGap] = field(default_factory=dict)
    waiting: dict[Kind, ExpectedGapQuestion] = field(default_factory=dict)
    now: ExpectedGapQuestion | None = None


@dataclass(eq=False)
class ExpectedGapCache:
    """Predictions of one dispatcher, computed on demand while the context `under_way` is entered.

    `pause_seconds` and `share` as in `schedule`; `calculator` has a subprocess that starts on demand; `clock` returns
    seconds.
    """

    calculator: Calculator = field(default_factory=Calculator)
    _: KW_ONLY
    pause_seconds: float = PAUSE_SECONDS
    share: float = SHARE
    idle_seconds: float = IDLE_SECONDS
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._fleets: dict[str, _Fleet] = {}
        self._schedule = Schedule(self.pause_seconds, self.share)
        self._wake_up = asyncio.Event()

    def now(self, snapshot: Snapshot, spec: FleetSpec, *, by_scrape: bool = False) -> ExpectedGap:
        """Expected gap at the current pools and mean load, without blocking."""
        question = question_now(snapshot, spec)
        fleet = self._read(snapshot.fleet, by_scrape=by_scrape)
        if isinstance(question, ExpectedGap):
            fleet.now = None
            return question
        fleet.now = question
        return self._answer(fleet, "now", question)

    def what_if(self, snapshot: Snapshot, spec: FleetSpec, pools: Sequence[int], sessions: float) -> ExpectedGap:
        """Expected gap at given pools and load, without blocking."""
        question = question_at(snapshot, spec, pools, sessions)
        if isinstance(question, ExpectedGap):
            return question
        return self._answer(self._read(snapshot.fleet), "what if", question)

    def known(self) -> dict[str, ExpectedGap]:
        """Expected gaps by fleet, as `now` would return them, of fleets read in the last `SHOWN_SECONDS`."""
        oldest = self.clock() - SHOWN_SECONDS
        found = {
            name: _known(fleet, fleet.now)
            for name, fleet in self._fleets.items()
            if fleet.now and self._schedule.last_read(name) >= oldest
        }
        return {name: gap for name, gap in found.items() if gap}

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
            await self.calculator.end()

    def _read(self, name: str, *, by_scrape: bool = False) -> _Fleet:
        self._schedule.read(name, self.clock(), by_scrape=by_scrape)
        return self._fleets.setdefault(name, _Fleet())

    def _answer(self, fleet: _Fleet, kind: Kind, question: ExpectedGapQuestion) -> ExpectedGap:
        if question in fleet.answers:
            return fleet.answers[question]
        fleet.waiting[kind] = question
        self._wake_up.set()
        return (kind == "now" and _known(fleet, question)) or PENDING

    async def _run(self) -> None:
        while True:
            for gone in self._schedule.forget(self.clock()):
                self._fleets.pop(gone)
            turn = self._schedule.next([name for name, fleet in self._fleets.items() if fleet.waiting], self.clock())
            if turn is not None and turn.at <= self.clock():
                await self._predict(turn.fleet)
            elif not await self._wait(turn) and turn is None:
                await self.calculator.rest(self.idle_seconds)

    async def _wait(self, turn: Turn | None) -> bool:
        """Wait for a new question; False on timeout: a fleet's turn begins, or without one the idle time is over."""
        self._wake_up.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(turn.at - self.clock() if turn else self.idle_seconds):
                return await self._wake_up.wait()
        return False

    async def _predict(self, name: str) -> None:
        """Compute the fleet's oldest pending question."""
        fleet, began = self._fleets[name], self.clock()
        question = fleet.waiting.pop(next(iter(fleet.waiting)))
        try:
            fleet.answers[question], seconds = await predict(self.calculator, question)
        except CalculationFailedError as error:
            log.warning("prediction_failed", fleet=name, why=str(error))
            seconds = self.clock() - began
        self._schedule.predicted(name, began, self.clock(), seconds)
        if len(fleet.answers) > MAX_ANSWERS:
            fleet.answers.pop(next(iter(fleet.answers)))


async def predict(calculator: Calculator, question: ExpectedGapQuestion) -> tuple[ExpectedGap, float]:
    """One prediction, and the seconds of the processor that it took; raises CalculationFailedError."""
    found, seconds = await calculator.ask("expected_gap", json.dumps(arguments_of(question)))
    return ExpectedGap(**found) if found else ExpectedGap(reason="too_large"), seconds


def _known(fleet: _Fleet, question: ExpectedGapQuestion) -> ExpectedGap | None:
    return fleet.answers.get(question) or _nearest(fleet.answers, question)


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


def arguments_of(question: ExpectedGapQuestion) -> dict[str, Any]:
    """Serialize a question for `worker.expected_gap`."""
    ranking, pools = question.spec.ranking, question.pools
    classes = [c.pool_class for c in ranking.order]
    return {"classes": classes, "marginals": ranking.marginals, "pools": pools, "sessions": question.sessions}
