"""Cache of the endpoints of fleets: one reading at a time, shared by the requests that wait for it, as encoded bytes.

A copy is fresh for `FRESH_SECONDS`, or for `REST` times as long as its reading took if that is more, so that reading a
large fleet uses at most a tenth of the server's time. An older copy is returned only while the store is unavailable.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from slta.api.http.bodies import in_worker
from slta.api.http.responses import as_json
from slta.core.fleet import FleetSpec
from slta.fleet_file import Specs
from slta.models.errors import StoreUnavailableError
from slta.store import Store
from slta.views.endpoints import Endpoint, active_endpoints, endpoints_by_class

FRESH_SECONDS = 1.0
"""How long a copy is returned without another reading."""
REST = 4
"""The same, as a multiple of the time that the reading took."""
MAX_AGE_SECONDS = 10.0
"""Age at which a copy is dropped, unless it is still fresh."""


class EncodedEndpoints(NamedTuple):
    """Encoded endpoints of a fleet and their strong ETag. Times are in seconds of the event loop's clock."""

    began: float
    fresh_until: float
    body: bytes
    etag: str


class EndpointCache:
    """Endpoints of the fleets that were asked for lately. One per process."""

    def __init__(self, store: Store, specs: Specs) -> None:
        self._store = store
        self._specs = specs
        self._copies: dict[str, EncodedEndpoints] = {}
        self._readings: dict[str, asyncio.Task[EncodedEndpoints]] = {}

    async def of(self, fleet: str) -> EncodedEndpoints:
        """The endpoints of a fleet. UnknownFleetError, DocumentUnreadableError, StoreUnavailableError."""
        copy = self._copies.get(fleet)
        if copy and asyncio.get_running_loop().time() < copy.fresh_until:
            return copy
        try:
            # Shielded: a client that disconnects must not cancel the reading of the others.
            return await asyncio.shield(self._reading(fleet))
        except StoreUnavailableError:
            if fleet not in self._copies:
                raise
            return self._copies[fleet]

    def _reading(self, fleet: str) -> asyncio.Task[EncodedEndpoints]:
        if fleet not in self._readings:
            self._readings[fleet] = asyncio.create_task(self._read_and_keep(fleet))
        return self._readings[fleet]

    async def _read_and_keep(self, fleet: str) -> EncodedEndpoints:
        loop = asyncio.get_running_loop()
        try:
            copy = self._copies[fleet] = await self._read(fleet)
        finally:
            del self._readings[fleet]
        loop.call_at(max(copy.fresh_until, copy.began + MAX_AGE_SECONDS), self._drop, fleet, copy.began)
        return copy

    def _drop(self, fleet: str, began: float) -> None:
        """Drop a copy unless a newer one has replaced it."""
        if fleet in self._copies and self._copies[fleet].began == began:
            del self._copies[fleet]

    async def _read(self, fleet: str) -> EncodedEndpoints:
        clock, endpoints = asyncio.get_running_loop().time, dict[str, Endpoint]()
        began = clock()
        async for page in self._store.pools.each_page(fleet):
            endpoints |= active_endpoints(page)
        # After the pools: a class has no pools when it is removed.
        document, _ = await self._store.fleets.config(fleet)
        body, etag = await in_worker(_encode, fleet, await self._specs.of_stored(document), endpoints)
        return EncodedEndpoints(began, fresh_until(began, clock()), body, etag)


def fresh_until(began: float, ended: float) -> float:
    """When to read again after a reading of this time."""
    return ended + max(FRESH_SECONDS, REST * (ended - began))


def _encode(fleet: str, spec: FleetSpec, endpoints: Mapping[str, Endpoint]) -> tuple[bytes, str]:
    body = as_json(endpoints_by_class(fleet, spec, endpoints))
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'
