"""What is done about a store that may have gone back in time: it is marked, and what was acknowledged is put back."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import structlog

from service import errors
from service.store.acknowledged import Acknowledged
from service.store.batching import LARGEST_BATCH, Operations
from service.store.caller import Caller
from service.store.continuity import Continuity, Known, read_lineage

MISSED = frozenset({"ADOPTED", "RESTORED", "COMPLETED", "ENDED_NOW"})
"""Outcomes that say that the store had lost it, and has it again."""
NOT_BACK = frozenset({"OVER_CAPACITY", "ELSEWHERE", "UNKNOWN_POOL"})
"""Outcomes that say that it is lost, for its place is gone."""

log = structlog.get_logger(__name__)


class Recovery:
    """Looks once a second, and at once where something was noticed, whether the store went back."""

    def __init__(
        self, caller: Caller, operations: Operations, continuity: Continuity, acknowledged: Acknowledged
    ) -> None:
        self._caller = caller
        self._operations = operations
        self._continuity = continuity
        self._acknowledged = acknowledged

    async def look(self) -> None:
        """Ask the server for its past, and settle what is doubted. StoreUnavailable; what was not settled stays so."""
        told = await self._caller.ask("INFO", "server", "replication")
        if told is not None:
            self._continuity.looked(read_lineage(told))
        for fleet, known in self._continuity.troubled().items():
            with suppress(errors.DispatchError):
                await self._settle(fleet, known)

    async def _settle(self, fleet: str, known: Known) -> None:
        if known.unsure and not known.why and await self._put_back(fleet, "missing"):
            known.why = "missing"
        known.unsure = False
        if known.why and known.epoch:  # one dispatcher begins a new epoch, and all others learn of it
            why = known.why
            _, epoch, left_epoch = await self._caller.change("mark", fleet, known.epoch)
            known = self._continuity.learned(fleet, epoch, left_epoch)
            known.why = why if known.lost else ""
        if known.lost:
            await self._put_back(fleet, known.why or "marked")
        known.why, known.lost = "", False

    async def _put_back(self, fleet: str, why: str) -> int:
        """Do what was acknowledged lately once more; how much of it the store did not know."""
        words = self._acknowledged.put_back(fleet)
        outcomes: Counter[str] = Counter()
        for start in range(0, len(words), LARGEST_BATCH):
            together = await self._operations.submit_all(fleet, words[start : start + LARGEST_BATCH])
            outcomes.update(str(outcome[0]) for outcome in together)
        missed, gone = (sum(outcomes[word] for word in among) for among in (MISSED, NOT_BACK))
        if why != "missing" or missed or gone:
            log.warning("store_went_back", fleet=fleet, why=why, looked_at=len(words), put_back=missed, not_back=gone)
        return missed + gone
