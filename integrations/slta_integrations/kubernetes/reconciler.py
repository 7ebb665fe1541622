"""Main loop: makes the pools what the pods are."""

from __future__ import annotations

import asyncio
import math
import time

from slta_client.rules import bound_seconds, pause_seconds
from slta_client.timer import is_set_within
from slta_integrations.kubernetes.desired_pools import Desired
from slta_integrations.kubernetes.lease import Lease
from slta_integrations.kubernetes.metrics import REASONS, Telemetry
from slta_integrations.kubernetes.plan import Plan, conflicts, planned
from slta_integrations.kubernetes.pools import MAX_REMOVALS, Pools, StoppedError
from slta_integrations.kubernetes.scaler import Scaler
from slta_integrations.kubernetes.vanished import MASS_SECONDS, Vanished
from slta_integrations.kubernetes.watcher import Cluster

SPACING_SECONDS = 0.2
"""Between two plans: changes of so long are made together."""
TICK_SECONDS = 1.0
LOOK_SECONDS = 5.0
"""The pods are listed so often while a pool waits for one that may live."""
FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 10.0


class Reconciler:
    """Makes and executes plans while this watcher holds the Lease, the watches are open and slta answers."""

    def __init__(
        self,
        cluster: Cluster,
        lease: Lease,
        vanished: Vanished,
        scaler: Scaler,
        pools: Pools,
        changed: asyncio.Event,
        telemetry: Telemetry,
    ) -> None:
        """`changed` is set when what the pods should be, or the Lease, has changed."""
        self._cluster = cluster
        self._vanished = vanished
        self._scaler = scaler
        self._lease = lease
        self._pools = pools
        self._changed = changed
        self._metrics, self._notices = telemetry
        self._is_settled = False
        self._failures = 0
        self._term = 0
        self._looked_at = -math.inf

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wait()
            try:
                async with self._pools.turn:
                    await self._round()
                self._failures = 0
            except StoppedError:
                await asyncio.sleep(self._delay())
            await asyncio.sleep(SPACING_SECONDS)

    async def _wait(self) -> None:
        if await is_set_within(self._changed, TICK_SECONDS):
            self._changed.clear()
            self._is_settled = False

    async def _round(self) -> None:
        if not self._lease.is_held:
            return
        if self._term != self._lease.term:
            self._term = self._lease.term
            self._pools.forget()
            self._vanished.pause()
        if not self._cluster.is_current:
            self._vanished.pause()
            return
        if self._pools.is_due:
            self._is_settled = False
            await self._pools.read()
        if not self._is_settled or self._vanished.since:
            await self._reconcile()

    async def _reconcile(self) -> None:
        now, existing = time.monotonic(), self._pools.existing
        desired = self._observe(now)
        if self._vanished.unsure and now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            if (found := await self._cluster.list_pods()) is not None:
                self._vanished.listed(found)
            if not self._cluster.is_current:
                return
            desired = self._observe(now)
        plan = planned(desired, existing, self._pools.source, self._vanished.over(now), self._scaler.idle)
        self._measure(desired, conflicts(desired, existing))
        self._is_settled = plan == Plan.empty()
        if not self._is_settled:
            await self._pools.execute(plan)
        if len(plan.removals) > MAX_REMOVALS:
            self._changed.set()

    def _observe(self, now: float) -> Desired:
        desired = self._cluster.desire()
        self._vanished.observe(desired, self._pools.existing, now)
        return desired

    def _measure(self, desired: Desired, conflicts: int) -> None:
        for reason in REASONS:
            self._metrics.skipped_endpoints.labels(reason).set(desired.skipped.get(reason, 0))
        self._metrics.skipped_endpoints.labels("conflict").set(conflicts)
        self._metrics.services_without_slices.set(len(desired.missing))
        if desired.missing:
            names = ", ".join(sorted(desired.missing))
            self._notices.say("services", f"no EndpointSlice of {names}: its pools are only drained")
        for service in desired.services | desired.missing:
            pools = self._vanished.guarded[service]
            self._metrics.guarded_pools.labels(service).set(pools)
            if pools:
                what = f"{pools} pods of {service} vanished at once without ending: see its selector and slices. "
                what += f"Their pools are drained, and fail {MASS_SECONDS:g} s after that"
                self._notices.say(f"vanished {service}", what)

    def _delay(self) -> float:
        bound = bound_seconds(self._failures, FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS)
        self._failures += 1
        return pause_seconds(bound, self._pools.retry_after)
