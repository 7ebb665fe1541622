"""Jobs that a tick claims for one dispatcher, see `lua/fleets/claims.lua`: repairs of suspect fleets, audits of all.

Each fleet is audited about once an hour, and at once after a repair or on another server. Audits report damage and
repair nothing. Keys of no listed fleet are audited by each dispatcher.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence

import structlog

from slta.audit import Attempt, audit_fleet, audit_unlisted, repair_suspect
from slta.fleet_file import Specs
from slta.models import AuditResult, Findings, Suspect
from slta.models.errors import DispatchError, UnknownFleetError
from slta.store import Store

MAX_LOGGED_RECORDS = 10
"""Maximum records named in one log line."""
UNLISTED_SECONDS = 3600.0
"""Time from one audit of the keys of no listed fleet to the next."""
JITTER = 0.25
RETRY_SECONDS = 60.0
"""The same after one that failed or has found damage."""

log = structlog.get_logger(__name__)


class JobQueue(ABC):
    """Claims of one job by fleet. They are done one after the other, which delays no fleet's ticks."""

    failure: str
    """Event of the log."""
    retries = False
    """Whether one that the store fails is done again in the next round. Else, as after a defect, its claim ends."""

    def __init__(self) -> None:
        self._claims: dict[str, str] = {}
        self.requested = asyncio.Event()
        """Set to run the next round at once."""

    @property
    def is_idle(self) -> bool:
        """Whether none is queued."""
        return not self._claims

    def claimed(self, fleet: str, claim: str = "") -> None:
        """Do the fleet's job in the next round."""
        self._claims[fleet] = claim
        self.requested.set()

    def keep_only(self, fleets: Collection[str]) -> None:
        """Drop the claims of all other fleets."""
        self._claims = {fleet: claim for fleet, claim in self._claims.items() if fleet in fleets}

    async def round(self) -> None:
        """Do the queued jobs, each even if another fails."""
        self.requested.clear()
        for fleet, claim in list(self._claims.items()):
            try:
                await self._do(fleet, claim)
            except UnknownFleetError:  # deleted meanwhile
                pass
            except DispatchError as error:
                log.warning(self.failure, fleet=fleet, why=error.code)
                if self.retries:
                    continue
            except Exception:
                log.exception(self.failure, fleet=fleet)
            self._claims.pop(fleet, None)

    @abstractmethod
    async def _do(self, fleet: str, claim: str) -> None: ...


class AutomaticRepairs(JobQueue):
    """Queue of suspect fleets, and which of their repairs are blocked."""

    failure = "repair_not_done"
    retries = True

    def __init__(self, store: Store, specs: Specs, on_blocked: Callable[[str, bool | None], None]) -> None:
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


class SelfAudits(JobQueue):
    """Queue of audits. A fleet whose audit fails is due again when the claim has ended, after ten minutes."""

    failure = "audit_not_done"

    def __init__(self, store: Store, specs: Specs, unlisted: Callable[[Sequence[Findings]], None]) -> None:
        """`unlisted` is called with the findings on keys of no listed fleet, of each audit of them."""
        super().__init__()
        self._store = store
        self._specs = specs
        self._unlisted = unlisted
        self._by = f"{socket.gethostname()}/{os.getpid()}"
        self._next_unlisted = 0.0
        self._found: list[Findings] = []

    async def round(self) -> None:
        """Audit the fleets that are queued, then the other keys if they are due."""
        await super().round()
        if _now() >= self._next_unlisted:
            await self._audit_unlisted()

    async def _do(self, fleet: str, claim: str) -> None:
        """Audit a fleet, with at most a quarter of the server's time."""
        began = _now()
        try:
            found = await audit_fleet(self._store, self._specs, fleet)
            if found.not_looked is None:
                first = next(iter(found.sentences), "")
                result = AuditResult(at=time.time(), total=found.total, by=self._by, first=first)
                await self._store.rebuilds.store(fleet, claim, result)
            _log_damage([found])
            if found.unchecked:
                log.info("audit_incomplete", fleet=fleet, unchecked=found.unchecked)
        finally:
            await asyncio.sleep(_now() - began)

    async def _audit_unlisted(self) -> None:
        """Audit the keys of no listed fleet, and again soon if they are damaged or cannot be read."""
        self._next_unlisted = _now() + RETRY_SECONDS
        try:
            found = await audit_unlisted(self._store, self._specs)
        except DispatchError as error:
            log.warning(self.failure, why=error.code)
            return
        if found != self._found:
            _log_damage(found)
        self._found = found
        if not any(one.total for one in found):
            self._next_unlisted = _now() + UNLISTED_SECONDS * random.uniform(1 - JITTER, 1 + JITTER)
        self._unlisted(found)


def _log_damage(audited: Iterable[Findings]) -> None:
    """Log each damaged fleet of an audit, with its first finding."""
    for one in audited:
        if one.total:
            log.error("damage_found", fleet=one.fleet, findings=one.total, first=one.sentences[0])


def _now() -> float:
    return asyncio.get_running_loop().time()
