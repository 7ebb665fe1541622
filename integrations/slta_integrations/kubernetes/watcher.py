"""List and watch of one kind of objects, for ever; and all that is watched."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from slta_client.rules import bound_seconds, pause_seconds
from slta_integrations.kubernetes.api_server import FAILURES, ApiServer, Kind
from slta_integrations.kubernetes.desired_pools import Desired
from slta_integrations.kubernetes.events import Event, ExpiredError, Objects, StreamError, reason
from slta_integrations.kubernetes.metrics import Telemetry
from slta_integrations.kubernetes.objects import Labelled, read_pod

T = TypeVar("T")

FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 30.0
MAX_RESUMES = 3
"""After so many failures in a row all is listed anew: the API server may have lost the resource version."""
SETTLE_SECONDS = 1.0
"""After a failure, what happened meanwhile is received before anybody acts."""


class Watcher(Generic[T]):
    """Keeps `objects` as the API server has them; sets `changed` when they change."""

    def __init__(
        self,
        api: ApiServer,
        kind: Kind,
        namespace: str,
        objects: Objects[T],
        changed: asyncio.Event,
        telemetry: Telemetry,
    ) -> None:
        self.objects = objects
        self._api = api
        self._kind = kind
        self._namespace = namespace
        self._changed = changed
        self._metrics, self._notices = telemetry
        self._current_from = math.inf
        self._received_at = self._started_at = time.monotonic()
        self._failures = 0
        self._metrics.event_age_seconds.labels(kind.plural).set_function(lambda: time.monotonic() - self._received_at)

    @property
    def is_current(self) -> bool:
        """Whether a watch is open, or being resumed, and has received what it missed."""
        return time.monotonic() >= self._current_from

    async def run(self) -> None:
        """List, watch, resume, and list anew where that is not possible; until cancelled."""
        while True:
            try:
                await self._follow()
                continue
            except FAILURES as error:
                if isinstance(error, StreamError) or self._failures >= MAX_RESUMES:
                    self.objects.resource_version = ""
                if self._failures or not isinstance(error, ExpiredError):
                    self._say(error)
            await self._pause()

    async def _follow(self) -> None:
        if not self.objects.resource_version:
            self._metrics.lists.labels(self._kind.plural).inc()
            items, version = await self._api.list(self._kind, self._namespace)
            self.objects.replace(items, version)
            self._received()
        self._metrics.watches.labels(self._kind.plural).inc()
        opened = time.monotonic()
        async with self._api.watch(self._kind, self._namespace, self.objects.resource_version) as events:
            await self._apply(events)
        if time.monotonic() - opened < SETTLE_SECONDS:
            await self._pause()

    async def _apply(self, events: AsyncIterator[Event]) -> None:
        """Apply events until the watch ends. From now on the objects are current, until a failure."""
        if not self.is_current:
            self._current_from = time.monotonic() + (SETTLE_SECONDS if self._failures else 0)
            self._changed.set()
        self._received()
        async for event in events:
            if self.objects.apply(event):
                self._changed.set()
            self._received()
        self._received()

    def _received(self) -> None:
        """Note that the API server sent something. What a watch sends that has settled ends a row of failures."""
        self._received_at = time.monotonic()
        if self._received_at >= self._current_from + SETTLE_SECONDS:
            self._failures = 0
            self._notices.over(self._kind.plural, f"The API server sends {self._kind.plural} again.")

    def _say(self, error: Exception) -> None:
        self._notices.say(self._kind.plural, f"{self._kind.plural} cannot be read, no pool changes: {reason(error)}")

    async def _pause(self) -> None:
        """Wait before the next attempt. Meanwhile the objects are not current."""
        self._current_from = math.inf
        bound = bound_seconds(self._failures, FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS)
        self._failures += 1
        await asyncio.sleep(pause_seconds(bound))


async def list_pods(api: ApiServer, namespace: str, selector: str = "", fields: str = "") -> list[Labelled]:
    """The pods that exist, or those that labels and fields select. Raises ValueError."""
    items, _ = await api.list(Kind("/api/v1", "pods", selector, metadata_only=True, fields=fields), namespace)
    return [read_pod(item) for item in items]


class Cluster(NamedTuple):
    """What the API server shows."""

    api: ApiServer
    watchers: Sequence[Watcher[Any]]
    desire: Callable[[], Desired]
    """Computes what the pods should be."""
    list_pods: Callable[[], Awaitable[frozenset[str] | None]]
    """Ids of the pools of all pods that exist; None if they cannot be listed."""

    @property
    def is_current(self) -> bool:
        """Whether `desire` knows what has happened."""
        return all(watcher.is_current for watcher in self.watchers)
