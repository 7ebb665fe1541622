"""The Lease object (coordination.k8s.io/v1) of the watchers: only its holder acts.

As in client-go's leader election, no clock is compared with another machine's: a lease is over when it was not seen to
change for its duration. Two watchers cannot both write it: the API server refuses an old resource version (409).
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from datetime import UTC, datetime

from slta_integrations.kubernetes.api_server import CONFLICT, FAILURES, NOT_FOUND, ApiServer
from slta_integrations.kubernetes.events import reason
from slta_integrations.kubernetes.metrics import Telemetry

LEASES = "/apis/coordination.k8s.io/v1"
LEASE_SECONDS = 15
DEADLINE_SECONDS = 10.0
"""The holder stops to act so long after its last renewal: a call of 5 s then ends before another can take over."""
RETRY_SECONDS = 2.0


class Lease:
    """The Lease, for one watcher."""

    def __init__(self, api: ApiServer, namespace: str, name: str, identity: str, telemetry: Telemetry) -> None:
        """`identity` is unique to this process."""
        self.term = 0
        """Changes each time that the Lease is acquired."""
        self._api = api
        self._path = LEASES, namespace, "leases", name
        self._identity = identity
        self._notices = telemetry.notices
        self._seen_version, self._seen_at = "", 0.0
        self._held_until = 0.0
        telemetry.metrics.leader.set_function(lambda: float(self.is_held))

    @property
    def is_held(self) -> bool:
        """Whether this watcher may act now."""
        return time.monotonic() < self._held_until

    async def run(self) -> None:
        """Try again and again until cancelled."""
        while True:
            try:
                await self.attempt()
                self._notices.over("lease", "The Lease can be read and written again.")
            except FAILURES as error:
                self._notices.say("lease", f"the Lease cannot be read or written, no pool changes: {reason(error)}")
            await asyncio.sleep(random.uniform(0.8, 1.0) * RETRY_SECONDS)

    async def attempt(self) -> None:
        """Acquire or renew it, unless another holds it."""
        since, lease = time.monotonic(), await self._api.call("GET", *self._path, none_for=NOT_FOUND)
        spec, now = lease.get("spec") or {}, datetime.now(UTC).isoformat(timespec="microseconds")
        if spec.get("holderIdentity") != self._identity:
            if spec.get("holderIdentity") and not self._is_over(lease["metadata"]["resourceVersion"]):
                self._held_until = 0.0
                return
            spec = {"acquireTime": now, "leaseTransitions": int(spec.get("leaseTransitions") or 0) + bool(spec)}
        spec |= {"holderIdentity": self._identity, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": now}
        lease |= {"metadata": lease.get("metadata") or {"name": self._path[-1]}, "spec": spec}
        at = ("PUT", *self._path) if "resourceVersion" in lease["metadata"] else ("POST", *self._path[:-1])
        if await self._api.call(*at, none_for=CONFLICT, json=lease):
            self.term += not self.is_held
            self._held_until = since + DEADLINE_SECONDS

    async def release(self) -> None:
        """Let another watcher act at once; errors are ignored, as the Lease ends by itself."""
        self._held_until = 0.0
        with suppress(*FAILURES):
            lease = await self._api.call("GET", *self._path, none_for=NOT_FOUND)
            if lease and lease["spec"].get("holderIdentity") == self._identity:
                lease["spec"]["holderIdentity"] = None
                await self._api.call("PUT", *self._path, none_for=CONFLICT, json=lease)

    def _is_over(self, version: str) -> bool:
        if version != self._seen_version:
            self._seen_version, self._seen_at = version, time.monotonic()
        return time.monotonic() - self._seen_at >= LEASE_SECONDS
