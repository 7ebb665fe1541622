"""What was asked and answered about the gap that is to be expected: a read takes what there is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

import structlog

from service.core.fleet import FleetSpec
from service.observation import PENDING, Expected, Question, question_at, question_now
from service.prediction.predictor import PredictionFailed, Predictor
from service.values import Snapshot

PAUSE_SECONDS = 10.0
"""From one prediction of a fleet to its next."""
IDLE_SECONDS = 60.0
"""Without a question the process ends after this."""
KEPT_SECONDS = 600.0
"""A fleet that nobody asks about is forgotten after this."""
MOST_ANSWERS = 16
"""Answers of one fleet that are kept."""
NEAR = 0.02
"""So far may the load be from that of an answer which stands in until there is a newer one."""

log = structlog.get_logger(__name__)

Kind = Literal["now", "what if"]


@dataclass
class _Fleet:
    """One fleet: answers from the oldest, of each kind the newest question that waits, and when it is its turn."""

    answers: dict[Question, Expected] = field(default_factory=dict)
    waiting: dict[Kind, Question] = field(default_factory=dict)
    due: float = 0.0
    read: float = 0.0


class Predictions:
    """The answers that one dispatcher has. They are found while it is `under_way`, and only if somebody asks."""

    def __init__(
        self,
        predictor: Predictor | None = None,
        *,
        pause_seconds: float = PAUSE_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing was asked yet, and no process runs. `predictor` None starts one; `clock` gives seconds."""
        self._pause_seconds = pause_seconds
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._fleets: dict[str, _Fleet] = {}
        self._woken = asyncio.Event()
        self.predictor = predictor or Predictor()

    def now(self, snapshot: Snapshot, spec: FleetSpec) -> Expected:
        """What is to be expected of the fleet at its mean load; never waits."""
        return self._answer("now", question_now(snapshot, spec))

    def what_if(self, snapshot: Snapshot, spec: FleetSpec, pools: Sequence[int], sessions: float) -> Expected:
        """The same with other pools or at another load; never waits."""
        return self._answer("what if", question_at(snapshot, spec, pools, sessions))

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        """Find answers meanwhile."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self.predictor.end()

    def _answer(self, kind: Kind, question: Question | Expected) -> Expected:
        if isinstance(question, Expected):
            return question
        fleet = self._fleets.setdefault(question.fleet, _Fleet())
        fleet.read = self._clock()
        if question in fleet.answers:
            return fleet.answers[question]
        fleet.waiting[kind] = question
        self._woken.set()
        return (kind == "now" and _nearest(fleet.answers, question)) or PENDING

    async def _run(self) -> None:
        while True:
            self._forget()
            fleet = self._next()
            if fleet is not None and fleet.due <= self._clock():
                await self._find(fleet)
            elif not await self._wait(fleet) and fleet is None:
                await self.predictor.end()

    def _next(self) -> _Fleet | None:
        waiting = [fleet for fleet in self._fleets.values() if fleet.waiting]
        return min(waiting, key=lambda fleet: fleet.due, default=None)

    async def _wait(self, fleet: _Fleet | None) -> bool:
        """Until something new is asked; False if it is the fleet's turn before, or nobody asks for long."""
        self._woken.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(fleet.due - self._clock() if fleet else self._idle_seconds):
                return await self._woken.wait()
        return False

    async def _find(self, fleet: _Fleet) -> None:
        """Answer the question that has waited longest."""
        question = fleet.waiting.pop(next(iter(fleet.waiting)))
        fleet.due = self._clock() + self._pause_seconds
        try:
            fleet.answers[question] = await self.predictor.ask(question)
        except PredictionFailed as error:
            log.warning("prediction_failed", fleet=question.fleet, why=str(error))
        if len(fleet.answers) > MOST_ANSWERS:
            fleet.answers.pop(next(iter(fleet.answers)))

    def _forget(self) -> None:
        oldest = self._clock() - KEPT_SECONDS
        self._fleets = {name: fleet for name, fleet in self._fleets.items() if fleet.read > oldest}


def _nearest(answers: dict[Question, Expected], question: Question) -> Expected | None:
    """The answer for the same pools and configuration at the nearest load, if that is near."""
    distances = {
        abs(known.sessions - question.sessions): answer
        for known, answer in answers.items()
        if (known.store_epoch, known.config_version, known.pools)
        == (question.store_epoch, question.config_version, question.pools)
    }
    nearest = min(distances, default=None)
    return distances[nearest] if nearest is not None and nearest <= NEAR * question.sessions else None
