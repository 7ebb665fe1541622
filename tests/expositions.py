"""Scrapes of the metrics in this process."""

from __future__ import annotations

from typing import Any

from slta.api.http.api_route import Exposition
from slta.fleet_file import Specs
from slta.metrics import Metrics
from slta.models.request_record import Scrape
from slta.store import Store


async def scrape(metrics: Metrics, store: Store, accept: str = "", **options: Any) -> str:
    """The whole text; `options` as in `Scrape`."""
    return await text_of(await metrics.render(store, Specs(), Scrape(accept, **options)))


async def text_of(exposition: Exposition) -> str:
    """Its pieces, joined."""
    pieces, headers = exposition
    body = b"".join([piece async for piece in pieces])
    assert headers["Content-Length"] == str(len(body))
    return body.decode()
