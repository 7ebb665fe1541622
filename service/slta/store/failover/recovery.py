"""Recovery: replays acknowledged writes that the store has lost, and marks their fleets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import structlog

from slta.models.errors import DispatchError, OutcomeUnknownError, UnknownFleetError
from slta.store.client.functions import FunctionClient
from slta.store.failover.replay_log import Fact, ReplayLog, facts_of
from slta.store.failover.rollback_detection import History, RollbackDetector, Stamp
from slta.store.outcomes import RESULTS

FACTS_PER_CALL = 128
RESTORED = frozenset(RESULTS["restored fact"].split())
REFUSED = ("OVER_CAPACITY", "INCOMPATIBLE")
"""Outcomes of facts that do not fit any more; one of a pool removed meanwhile is not counted."""
WITHOUT_TYPE = "without type"
"""Counted beside the outcomes: sessions put back as `default`, since their type may not use their class any more."""

log = structlog.get_logger(__name__)


class Recovery:
    """Replays the lost writes of the detector's suspects."""

    def __init__(self, functions: FunctionClient, detector: RollbackDetector, replay_log: ReplayLog) -> None:
        self._functions = functions
        self._detector = detector
        self._log = replay_log

    async def run(self) -> None:
        """Recover each suspect. If the store fails, the fleet stays a suspect."""
        for fleet in self._detector.suspects():
            with suppress(DispatchError):
                await self._recover(fleet)

    async def _recover(self, fleet: str) -> None:
        history = await self._history(fleet)
        missing = self._log.missing(fleet, history)
        facts = await facts_of(missing)
        is_lost = bool(facts) and any(history.fate(call.stamp) == "lost" for call in missing)
        if is_lost:  # before the replay, which may take longer than a lease
            await self._functions.change("mark", fleet, history.incarnation)
        outcomes = await self._replay(fleet, history, facts)
        restored = sum(outcomes[name] for name in RESTORED)
        refused = sum(outcomes[name] for name in REFUSED)
        if not is_lost and (restored or refused):
            await self._functions.change("mark", fleet, history.incarnation)
        if is_lost or restored or refused:
            log.warning("store_went_back", fleet=fleet, replayed=restored, not_replayed=refused)
        if outcomes[WITHOUT_TYPE]:
            log.warning("session_types_lost", fleet=fleet, sessions=outcomes[WITHOUT_TYPE])
        self._log.forget(fleet, missing)
        self._detector.resolve(fleet, history.incarnation)

    async def _history(self, fleet: str) -> History:
        _, *numbers = await self._functions.read("incarnations", fleet)
        return History([Stamp(*map(int, pair)) for pair in zip(numbers[::2], numbers[1::2], strict=True)])

    async def _replay(self, fleet: str, history: History, facts: Sequence[Fact]) -> Counter[str]:
        """Replay facts, and count their outcomes. Idempotent. StoreUnavailableError, OutcomeUnknownError."""
        counts: Counter[str] = Counter()
        for start in range(0, len(facts), FACTS_PER_CALL):
            chunk = facts[start : start + FACTS_PER_CALL]
            arguments = [argument for fact in chunk for argument in fact]
            reply, stamp = await self._functions.change_stamped("replay", fleet, history.incarnation, *arguments)
            if reply[0] == "OTHER_FLEET":
                raise UnknownFleetError
            self._log.record(fleet, stamp, chunk, reply[1])
            counts.update(outcome[0] for outcome in reply[1])
            counts[WITHOUT_TYPE] += sum(len(outcome) > 1 for outcome in reply[1])
        if counts["FAULT"] or counts["NOT_RUN"]:
            raise OutcomeUnknownError
        return counts
