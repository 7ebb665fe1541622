"""Automatic repairs: suspect fleets are repaired one at a time, without delaying the ticks of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import structlog

from slta.audit import Attempt, repair_suspect
from slta.fleet_file import Specs
from slta.models import Suspect
from slta.models.errors import DispatchError, UnknownFleetError
from slta.store import Store

MAX_LOGGED_RECORDS = 10
"""Maximum records named in one log line."""

OnBlocked = Callable[[str, bool | None], None]

log = structlog.get_logger(__name__)


class AutomaticRepairs:
    """Queue of suspect fleets. A repair that fails is retried in the next round."""

    def __init__(self, store: Store, specs: Specs, on_blocked: OnBlocked) -> None:
        """`on_blocked` is called when a repair becomes blocked or unblocked; with None when the fleet is gone."""
        self._store = store
        self._specs = specs
        self._on_blocked = on_blocked
        self._queue: dict[str, None] = {}
        self._blocked: dict[str, bool] = {}
        self.requested = asyncio.Event()
        """Set to run the next round at once."""

    def ticked(self, fleet: str, suspect: Suspect | None) -> None:
        """Process the result of a fleet's tick; None for a healthy fleet."""
        self._set_blocked(fleet, is_blocked=bool(suspect and suspect.blocked))
        if suspect and suspect.ours:
            self._queue[fleet] = None
            self.requested.set()

    def keep_only(self, fleets: Collection[str]) -> None:
        """Drop the state of all other fleets."""
        kept = set(fleets)
        self._queue = {fleet: None for fleet in self._queue if fleet in kept}
        for fleet in self._blocked.keys() - kept:
            del self._blocked[fleet]
            self._on_blocked(fleet, None)

    async def round(self) -> None:
        """Try to repair each queued fleet."""
        self.requested.clear()
        for fleet in list(self._queue):
            try:
                attempt = await repair_suspect(self._store, self._specs, fleet)
            except UnknownFleetError:  # deleted meanwhile
                pass
            except DispatchError as error:
                log.warning("repair_not_done", fleet=fleet, why=error.code)
                continue
            else:
                self._set_blocked(fleet, is_blocked=bool(attempt.blocked))
                _log_attempt(fleet, attempt)
            self._queue.pop(fleet, None)

    def _set_blocked(self, fleet: str, *, is_blocked: bool) -> None:
        if self._blocked.get(fleet) is not is_blocked:
            self._blocked[fleet] = is_blocked
            self._on_blocked(fleet, is_blocked)


def _log_attempt(fleet: str, attempt: Attempt) -> None:
    survey = attempt.survey
    kinds = {"sessions": survey.sessions, "pools": survey.pools} if survey else {}
    records = {kind: list(names)[:MAX_LOGGED_RECORDS] for kind, names in kinds.items()}
    if attempt.blocked:
        log.error("repair_blocked", fleet=fleet, why=attempt.blocked, **records)
    elif any(records.values()):
        log.warning("records_set_aside", fleet=fleet, **records)
    if attempt.repaired:
        log.warning("fleet_repaired", fleet=fleet, slices=attempt.repaired.slices)
