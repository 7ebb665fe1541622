"""Bringing the fleets of an older layout to the present one: `slta upgrade`, and a dispatcher with its own store."""

from __future__ import annotations

import structlog

from service.errors import NewerFleet, Repairing, UnknownFleet
from service.metrics import Metrics
from service.store import Store, StoreSettings

CALL_SECONDS = 5.0
"""One call converts one fleet; it is short, but nothing is gained by giving up early."""

log = structlog.get_logger(__name__)


async def upgrade_fleets(store: Store) -> list[str]:
    """The names of the fleets that were upgraded. Each is one atomic step, and it may be repeated."""
    return [name for name in await store.fleets.names() if await _upgrade(store, name)]


async def _upgrade(store: Store, name: str) -> bool:
    """False where nothing is to do, or where the name stands for no fleet or for one that is not ours to touch."""
    try:
        upgraded = await store.fleets.upgrade(name)
    except (NewerFleet, Repairing, UnknownFleet) as error:
        log.warning("fleet_not_upgraded", fleet=name, why=error.code)
        return False
    if upgraded:
        log.info("fleet_upgraded", fleet=name)
    return upgraded


async def upgrade_at(url: str) -> list[str]:
    """The same on the server at `url`. StoreUnavailable."""
    settings = StoreSettings(url, call_timeout_seconds=CALL_SECONDS, deadline_seconds=2 * CALL_SECONDS)
    store = await Store.open(settings, Metrics())
    try:
        return await upgrade_fleets(store)
    finally:
        await store.close()
