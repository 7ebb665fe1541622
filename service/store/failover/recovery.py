"""Recovery: a fleet whose store lost acknowledged writes is marked, and they are replayed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import structlog

from service.errors import DispatchError, OutcomeUnknown, UnknownFleet
from service.store.caller import Caller
from service.store.failover.replay_log import Fact, ReplayLog, facts_of
from service.store.failover.rollback_detection import History, RollbackDetector, Stamp

FACTS_PER_CALL = 128
RESTORED = frozenset({"PLACED", "MOVED", "LENGTHENED", "ENDED_NOW", "REMEMBERED"})
"""Outcomes of facts that the store lacked, and has again."""
REFUSED = frozenset({"OVER_CAPACITY"})
"""Outcomes of facts that it lacks, and that cannot hold any more. A pool that was removed since is no loss."""

log = structlog.get_logger(__name__)


class Recovery:
    """Replays what suspects of the detector have lost."""

    def __init__(self, caller: Caller, detector: RollbackDetector, replay_log: ReplayLog) -> None:
        self._caller = caller
        self._detector = detector
        self._log = replay_log

    async def run(self) -> None:
        """Look at each suspect; one that the store does not answer for stays a suspect."""
        for fleet in self._detector.suspects():
            with suppress(DispatchError):
                await self._settle(fleet)

    async def _settle(self, fleet: str) -> None:
        history = await self._history(fleet)
        missing = self._log.missing(fleet, history)
        facts = await facts_of(missing)
        is_lost = bool(facts) and any(history.fate(call.stamp) == "lost" for call in missing)
        if is_lost:  # before the replay, which may take longer than a lease
            await self._mark(fleet, history)
        outcomes = await self._replay(fleet, history, facts)
        restored, refused = (sum(outcomes[word] for word in words) for words in (RESTORED, REFUSED))
        if not is_lost and (restored or refused):
            await self._mark(fleet, history)
        if is_lost or restored or refused:
            log.warning("store_went_back", fleet=fleet, put_back=restored, not_back=refused)
        self._log.forget(fleet, missing)
        self._detector.settle(fleet, history.incarnation)

    async def _mark(self, fleet: str, history: History) -> None:
        await self._caller.change("mark", fleet, history.incarnation)

    async def _history(self, fleet: str) -> History:
        _, *numbers = await self._caller.read("incarnations", fleet)
        return History([Stamp(*map(int, pair)) for pair in zip(numbers[::2], numbers[1::2], strict=True)])

    async def _replay(self, fleet: str, history: History, facts: Sequence[Fact]) -> Counter[str]:
        """How many facts had each outcome. StoreUnavailable, OutcomeUnknown; they can be replayed again."""
        counted: Counter[str] = Counter()
        for start in range(0, len(facts), FACTS_PER_CALL):
            some = facts[start : start + FACTS_PER_CALL]
            words = [word for fact in some for word in fact]
            reply, stamp = await self._caller.change_stamped("replay", fleet, history.incarnation, *words)
            if reply[0] == "OTHER_FLEET":
                raise UnknownFleet
            self._log.record(fleet, stamp, some, reply[1])
            counted.update(outcome[0] for outcome in reply[1])
        if counted["FAULT"] or counted["NOT_RUN"]:
            raise OutcomeUnknown
        return counted
