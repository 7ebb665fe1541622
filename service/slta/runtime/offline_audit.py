"""Offline audits, outside a dispatcher: `slta audit`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from slta.audit import Ask, audit_all, audit_fleet, mend
from slta.fleet_file import Specs
from slta.metrics import Metrics
from slta.models import Findings
from slta.models.errors import StoreUnavailableError
from slta.store import Store, StoreSettings
from slta.store.embedded.data_dir import served_socket
from slta.store.embedded.server import EmbeddedStore

CALL_SECONDS = 5.0
"""Call timeout: a slice takes milliseconds, but the server may be busy with other work."""


@contextmanager
def store_at(store_url: str | None, data_dir: Path) -> Iterator[str]:
    """URL of a running store: the shared one, that of the dispatcher using the data directory, or one started here.

    Raises EmbeddedStoreError if the store of the directory cannot be started.
    """
    socket = None if store_url else served_socket(data_dir)
    if store_url or socket:
        yield store_url or f"unix://{quote(str(socket))}"
        return
    with EmbeddedStore(existing(data_dir)) as embedded:
        yield embedded.url


def existing(data_dir: Path) -> Path:
    """Return the data directory if it exists; only `slta serve` creates one. Raises StoreUnavailableError."""
    if not data_dir.is_dir():
        raise StoreUnavailableError(f"There is no data directory {data_dir}: give --data-dir or --store-url.")
    return data_dir


async def audit_at(url: str, fleet: str | None, ask: Ask | None) -> list[Findings]:
    """Audit one fleet or all; repair findings with the consent of `ask` (None: never), then audit again.

    Raises StoreUnavailableError.
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
