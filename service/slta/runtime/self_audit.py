"""The periodic self-audit: all fleets at startup and about once an hour. It reports damage and repairs nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import structlog

from slta.audit import audit_all
from slta.fleet_file import Specs
from slta.models import Findings
from slta.models.errors import DispatchError
from slta.runtime.background import cancel_all
from slta.store import Store

PAUSE_SECONDS = 3600.0
JITTER = 0.25
RETRY_SECONDS = 60.0
"""Pause after an audit that failed because of the store."""

log = structlog.get_logger(__name__)

Listeners = Sequence[Callable[[Sequence[Findings]], None]]
"""Callbacks with the findings of each audit."""


@asynccontextmanager
async def self_audits(
    store: Store, specs: Specs, listeners: Listeners, pause_seconds: float = PAUSE_SECONDS
) -> AsyncIterator[None]:
    """Audit all fleets periodically in the context, about every `pause_seconds`; each audit calls all `listeners`."""
    task = asyncio.create_task(_audit_forever(store, specs, listeners, pause_seconds))
    try:
        yield
    finally:
        await cancel_all([task])


async def _audit_forever(store: Store, specs: Specs, listeners: Listeners, pause_seconds: float) -> None:
    while True:
        pause = pause_seconds * random.uniform(1 - JITTER, 1 + JITTER)
        try:
            _report(listeners, await audit_all(store, specs))
        except DispatchError as error:
            log.warning("audit_not_done", why=error.code)
            pause = min(pause, RETRY_SECONDS)
        except Exception:
            log.exception("audit_failed")
        await asyncio.sleep(pause)


def _report(listeners: Listeners, found: Sequence[Findings]) -> None:
    for notify in listeners:
        notify(found)
    for one in found:
        if one.total:
            log.error("damage_found", fleet=one.fleet, findings=one.total, first=one.sentences[0])
