"""The periodic self-audit: all fleets at startup and about once an hour, and a damaged one after its repair.

It reports damage and repairs nothing.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress

import structlog

from slta.audit import audit_all, audit_fleet
from slta.fleet_file import Specs
from slta.models import Findings
from slta.models.errors import DispatchError, StoreUnavailableError
from slta.runtime.background import cancel_all
from slta.store import Store

PAUSE_SECONDS = 3600.0
JITTER = 0.25
RETRY_SECONDS = 60.0
"""Pause after an audit that failed because of the store."""
WATCH_SECONDS = 10.0
"""How often damaged fleets are checked for a repair."""

log = structlog.get_logger(__name__)

Listeners = Sequence[Callable[[Sequence[Findings]], None]]
"""Callbacks with the findings of each audit."""


@asynccontextmanager
async def self_audits(
    store: Store,
    specs: Specs,
    listeners: Listeners,
    pause_seconds: float = PAUSE_SECONDS,
    watch_seconds: float = WATCH_SECONDS,
) -> AsyncIterator[None]:
    """Audit all fleets periodically in the context, about every `pause_seconds`; each audit calls all `listeners`.

    Every `watch_seconds` in between, each damaged fleet that was repaired since its audit is audited again.
    """
    audits = SelfAudits(store, specs, listeners)
    task = asyncio.create_task(_audit_forever(audits, pause_seconds, watch_seconds))
    try:
        yield
    finally:
        await cancel_all([task])


class SelfAudits:
    """The last findings of each fleet, and the repairs of each damaged fleet at its audit."""

    def __init__(self, store: Store, specs: Specs, listeners: Listeners) -> None:
        self._store = store
        self._specs = specs
        self._listeners = listeners
        self._latest: list[Findings] = []
        self._repairs: dict[str, int | None] = {}

    async def audit_all(self) -> None:
        """Audit all fleets. StoreUnavailableError."""
        found = await audit_all(self._store, self._specs)
        await self._report(found)
        _log_damage(found)

    async def audit_repaired(self) -> None:
        """Audit the damaged fleets that were repaired since their audit, as far as the store is available."""
        with suppress(StoreUnavailableError):
            repaired = {fleet for fleet, repairs in self._repairs.items() if await self._count(fleet) != repairs}
            if repaired:
                again = {fleet: await audit_fleet(self._store, self._specs, fleet) for fleet in repaired}
                await self._report([again.get(one.fleet, one) for one in self._latest])
                _log_damage(again.values())

    async def _report(self, found: Sequence[Findings]) -> None:
        self._latest = list(found)
        self._repairs = {one.fleet: await self._count(one.fleet) for one in found if one.total and one.fleet}
        for notify in self._listeners:
            notify(found)

    async def _count(self, fleet: str) -> int | None:
        """Number of repairs of a fleet so far; None while it cannot be read."""
        try:
            return (await self._store.fleets.snapshot(fleet)).counters["repairs"]
        except StoreUnavailableError:
            raise
        except DispatchError:
            return None


def _log_damage(audited: Iterable[Findings]) -> None:
    """Log each damaged fleet of an audit, with its first finding."""
    for one in audited:
        if one.total:
            log.error("damage_found", fleet=one.fleet, findings=one.total, first=one.sentences[0])


async def _audit_forever(audits: SelfAudits, pause_seconds: float, watch_seconds: float) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + pause_seconds * random.uniform(1 - JITTER, 1 + JITTER)
        if not await _done(audits.audit_all()):
            due = min(due, clock() + RETRY_SECONDS)
        while clock() < due:
            await asyncio.sleep(min(watch_seconds, due - clock()))
            await _done(audits.audit_repaired())


async def _done(audit: Coroutine[object, object, None]) -> bool:
    """Wait for an audit; log an error, and return False if the store caused it."""
    try:
        await audit
    except DispatchError as error:
        log.warning("audit_not_done", why=error.code)
        return False
    except Exception:
        log.exception("audit_failed")
    return True
