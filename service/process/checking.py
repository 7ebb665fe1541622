"""A dispatcher looks for damage by itself: when it starts, and about once an hour. It reports, and mends nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import structlog

from service.audit import audit_all
from service.errors import DispatchError
from service.fleet_file import Specs
from service.process.housekeeping import end_all
from service.store import Store
from service.values import Findings

PAUSE_SECONDS = 3600.0
JITTER = 0.25
AGAIN_SECONDS = 60.0
"""After a check that the store did not let end."""

log = structlog.get_logger(__name__)

Tell = Sequence[Callable[[Sequence[Findings]], None]]
"""Who hears what was found."""


@asynccontextmanager
async def self_checks(
    store: Store, specs: Specs, tell: Tell, pause_seconds: float = PAUSE_SECONDS
) -> AsyncIterator[None]:
    """Check all fleets meanwhile, now and then about once in `pause_seconds`; all of `tell` hear of each check."""
    task = asyncio.create_task(_check_for_ever(store, specs, tell, pause_seconds))
    try:
        yield
    finally:
        await end_all([task])


async def _check_for_ever(store: Store, specs: Specs, tell: Tell, pause_seconds: float) -> None:
    while True:
        pause = pause_seconds * random.uniform(1 - JITTER, 1 + JITTER)
        try:
            _report(tell, await audit_all(store, specs))
        except DispatchError as error:
            log.warning("audit_not_done", why=error.code)
            pause = min(pause, AGAIN_SECONDS)
        except Exception:
            log.exception("audit_failed")
        await asyncio.sleep(pause)


def _report(tell: Tell, found: Sequence[Findings]) -> None:
    for hear in tell:
        hear(found)
    for one in found:
        if one.total:
            log.error("damage_found", fleet=one.fleet, findings=one.total, first=one.sentences[0])
