"""Automatic repairs: suspect fleets are repaired one at a time, without delaying the ticks of the others."""

from __future__ import annotations

from collections.abc import Callable, Collection

import structlog

from slta.audit import Attempt, repair_suspect
from slta.fleet_file import Specs
from slta.models import Suspect
from slta.runtime.job_queue import JobQueue
from slta.store import Store

MAX_LOGGED_RECORDS = 10
"""Maximum records named in one log line."""

OnBlocked = Callable[[str, bool | None], None]

log = structlog.get_logger(__name__)


class AutomaticRepairs(JobQueue):
    """Queue of suspect fleets, and which of their repairs are blocked."""

    failure = "repair_not_done"
    retries = True

    def __init__(self, store: Store, specs: Specs, on_blocked: OnBlocked) -> None:
        """`on_blocked` is called when a repair becomes blocked or unblocked; with None when the fleet is gone."""
        super().__init__()
        self._store = store
        self._specs = specs
        self._on_blocked = on_blocked
        self._blocked: dict[str, bool] = {}

    def ticked(self, fleet: str, suspect: Suspect | None) -> None:
        """Process the result of a fleet's tick; None for a healthy fleet."""
        self._set_blocked(fleet, is_blocked=bool(suspect and suspect.blocked))
        if suspect and suspect.ours:
            self.claimed(fleet)

    def keep_only(self, fleets: Collection[str]) -> None:
        """Drop the state of all other fleets."""
        super().keep_only(fleets)
        for fleet in self._blocked.keys() - set(fleets):
            del self._blocked[fleet]
            self._on_blocked(fleet, None)

    async def _do(self, fleet: str, claim: str) -> None:  # noqa: ARG002 - a repair has none
        attempt = await repair_suspect(self._store, self._specs, fleet)
        self._set_blocked(fleet, is_blocked=bool(attempt.blocked))
        _log_attempt(fleet, attempt)

    def _set_blocked(self, fleet: str, *, is_blocked: bool) -> None:
        if self._blocked.get(fleet) is not is_blocked:
            self._blocked[fleet] = is_blocked
            self._on_blocked(fleet, is_blocked)


def _log_attempt(fleet: str, attempt: Attempt) -> None:
    survey = attempt.survey
    records = [f"{kind} {id_}" for kind, id_, _ in survey.records[:MAX_LOGGED_RECORDS]]
    counts = {"sessions": survey.sessions, "pools": survey.pools, "records": records}
    if attempt.blocked:
        log.error("repair_blocked", fleet=fleet, why=attempt.blocked, **counts)
    elif records:
        log.warning("records_set_aside", fleet=fleet, **counts)
    if attempt.repaired:
        log.warning("fleet_repaired", fleet=fleet, slices=attempt.repaired.slices)
