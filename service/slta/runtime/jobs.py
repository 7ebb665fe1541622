"""Self-audits: each fleet about once an hour by one of its dispatchers, and at once after a repair or another server.

They report damage and repair nothing. Ticks claim the audits that are due, see `lua/fleets/claims.lua`. Keys of no
listed fleet are audited by each dispatcher.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
from collections.abc import Callable, Iterable, Sequence

import structlog

from slta.audit import audit_fleet, audit_unlisted
from slta.fleet_file import Specs
from slta.models import AuditResult, Findings
from slta.models.errors import DispatchError
from slta.runtime.job_queue import JobQueue
from slta.store import Store

UNLISTED_SECONDS = 3600.0
"""Time from one audit of the keys of no listed fleet to the next."""
JITTER = 0.25
RETRY_SECONDS = 60.0
"""The same after one that failed or has found damage."""

log = structlog.get_logger(__name__)


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
