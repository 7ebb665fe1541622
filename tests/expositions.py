"""Scrapes of the metrics in this process."""

from __future__ import annotations

from slta.api.http.dependencies import Exposition
from slta.fleet_file import Specs
from slta.metrics import Metrics
from slta.store import Store


async def scrape(metrics: Metrics, store: Store, accept: str = "") -> str:
    """The whole text."""
    return await text_of(await metrics.render(store, Specs(), accept))


async def text_of(exposition: Exposition) -> str:
    """Its pieces, joined."""
    pieces, headers = exposition
    body = b"".join([piece async for piece in pieces])
    assert headers["Content-Length"] == str(len(body))
    return body.decode()
