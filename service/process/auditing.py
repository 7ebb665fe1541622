"""Audits from outside a dispatcher: `slta audit`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from service.audit import audit_all, audit_fleet, mend
from service.audit.mending import Ask
from service.errors import StoreUnavailable
from service.fleet_file import Specs
from service.metrics import Metrics
from service.store import Store, StoreSettings
from service.store.data_folder import served_socket
from service.store.embedded import EmbeddedStore
from service.values import Findings

CALL_SECONDS = 5.0
"""A slice takes milliseconds, but a server that is busy with something else may be waited for."""


@contextmanager
def store_at(store_url: str | None, data_dir: Path) -> Iterator[str]:
    """The URL of a store that runs: the shared one, that of the dispatcher which owns the folder, or our own.

    EmbeddedStoreError where the folder's server cannot run.
    """
    socket = None if store_url else served_socket(data_dir)
    if store_url or socket:
        yield store_url or f"unix://{quote(str(socket))}"
        return
    with EmbeddedStore(existing(data_dir)) as embedded:
        yield embedded.url


def existing(data_dir: Path) -> Path:
    """The folder, which `slta serve` makes: who only looks into it may have mistyped it. StoreUnavailable."""
    if not data_dir.is_dir():
        raise StoreUnavailable(f"There is no data folder {data_dir}: give --data-dir or --store-url.")
    return data_dir


async def audit_at(url: str, fleet: str | None, ask: Ask | None) -> list[Findings]:
    """Look at one fleet, or at all; mend what was found as `ask` allows, and look again. StoreUnavailable.

    `ask` None repairs nothing.
    """
    store = await Store.open(
        StoreSettings(url, call_timeout_seconds=CALL_SECONDS, deadline_seconds=2 * CALL_SECONDS), Metrics()
    )
    try:
        specs = Specs()
        found = [await audit_fleet(store, specs, fleet)] if fleet else await audit_all(store, specs)
        return [await mend(store, specs, one, ask) for one in found] if ask else found
    finally:
        await store.close()
