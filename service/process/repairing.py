"""Automatic repairs: suspect fleets are repaired one after the other, beside the ticks of all others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import structlog

from service.audit import Attempt, repair_suspect
from service.errors import DispatchError, UnknownFleet
from service.fleet_file import Specs
from service.store import Store
from service.values import Suspect

TOLD = 10
"""Records that a line of the log names."""

Tell = Callable[[str, bool | None], None]

log = structlog.get_logger(__name__)


class AutomaticRepairs:
    """The fleets that ticks found suspect. One that cannot be repaired yet is tried again in the next round."""

    def __init__(self, store: Store, specs: Specs, tell_blocked: Tell) -> None:
        """`tell_blocked` hears of a fleet whether its repair is blocked, when that changes; None when it is gone."""
        self._store = store
        self._specs = specs
        self._tell_blocked = tell_blocked
        self._waiting: dict[str, None] = {}
        self._blocked: dict[str, bool] = {}
        self.asked = asyncio.Event()
        """Set when a round should not wait."""

    def ticked(self, fleet: str, suspect: Suspect | None) -> None:
        """Take up what a tick said of a fleet; None for a sound one."""
        self._note(fleet, is_blocked=bool(suspect and suspect.blocked))
        if suspect and suspect.ours:
            self._waiting[fleet] = None
            self.asked.set()

    def keep_only(self, fleets: Collection[str]) -> None:
        """Forget all other fleets."""
        kept = set(fleets)
        self._waiting = {fleet: None for fleet in self._waiting if fleet in kept}
        for fleet in self._blocked.keys() - kept:
            del self._blocked[fleet]
            self._tell_blocked(fleet, None)

    async def round(self) -> None:
        """Try to repair each fleet that waits."""
        self.asked.clear()
        for fleet in list(self._waiting):
            try:
                attempt = await repair_suspect(self._store, self._specs, fleet)
            except UnknownFleet:  # deleted just now
                pass
            except DispatchError as error:
                log.warning("repair_not_done", fleet=fleet, why=error.code)
                continue
            else:
                self._note(fleet, is_blocked=bool(attempt.blocked))
                _report(fleet, attempt)
            self._waiting.pop(fleet, None)

    def _note(self, fleet: str, *, is_blocked: bool) -> None:
        if self._blocked.get(fleet) is not is_blocked:
            self._blocked[fleet] = is_blocked
            self._tell_blocked(fleet, is_blocked)


def _report(fleet: str, attempt: Attempt) -> None:
    survey = attempt.survey
    records = {"sessions": list(survey.sessions)[:TOLD], "pools": list(survey.pools)[:TOLD]} if survey else {}
    if attempt.blocked:
        log.error("repair_blocked", fleet=fleet, why=attempt.blocked, **records)
    elif any(records.values()):
        log.warning("records_set_aside", fleet=fleet, **records)
    if attempt.repaired:
        log.warning("fleet_repaired", fleet=fleet, slices=attempt.repaired.slices)
