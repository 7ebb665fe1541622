"""Acquires, renews and releases the Lease."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress

from slta_integrations.kubernetes.api_server import FAILURES, ApiServer
from slta_integrations.kubernetes.events import reason
from slta_integrations.kubernetes.lease import RETRY_SECONDS, Holding, wall_clock
from slta_integrations.kubernetes.metrics import Telemetry


class Election:
    """Takes part for one watcher."""

    def __init__(
        self, api: ApiServer, namespace: str, name: str, identity: str, changed: asyncio.Event, telemetry: Telemetry
    ) -> None:
        """`identity` is unique to this process; `changed` is set when this watcher may act."""
        self.holding = Holding(name, identity, time.monotonic)
        self._api = api
        self._namespace = namespace
        self._name = name
        self._changed = changed
        self._notices = telemetry.notices
        telemetry.metrics.leader.set_function(lambda: float(self.holding.is_held))

    async def run(self) -> None:
        """Try again and again until cancelled."""
        while True:
            try:
                await self._attempt()
                self._notices.over("lease", "The Lease can be read and written again.")
            except FAILURES as error:
                self._notices.say("lease", f"the Lease cannot be read or written, no pool changes: {reason(error)}")
            await asyncio.sleep(random.uniform(0.8, 1.0) * RETRY_SECONDS)

    async def release(self) -> None:
        """Let another watcher act at once; errors are ignored, as the Lease ends by itself."""
        with suppress(*FAILURES):
            lease = await self._api.read_lease(self._namespace, self._name)
            if lease and (written := self.holding.release(lease)):
                await self._api.write_lease(self._namespace, self._name, written)

    async def _attempt(self) -> None:
        since, was_held = time.monotonic(), self.holding.is_held
        written = self.holding.observe(await self._api.read_lease(self._namespace, self._name), wall_clock())
        if written and await self._api.write_lease(self._namespace, self._name, written):
            self.holding.renewed(since)
            if not was_held:
                self._changed.set()
