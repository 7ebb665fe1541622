"""Main loop: makes the pools what the pods are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from slta_integrations.backoff import bound_seconds, pause_seconds
from slta_integrations.kubernetes.lease import Holding
from slta_integrations.kubernetes.metrics import REASONS, Telemetry
from slta_integrations.kubernetes.plan import Plan, Planner
from slta_integrations.kubernetes.pools import MAX_REMOVALS, Pools, StoppedError
from slta_integrations.kubernetes.wanted import Desired
from slta_integrations.kubernetes.watcher import Watcher
from slta_integrations.waiting import is_set_within

SPACING_SECONDS = 0.2
"""Between two plans: changes of so long are made together."""
TICK_SECONDS = 1.0
FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 10.0


class Reconciler:
    """Makes and executes plans while this watcher holds the Lease, the watches are open and slta answers."""

    def __init__(
        self,
        desire: Callable[[], Desired],
        watchers: Sequence[Watcher[Any]],
        holding: Holding,
        planner: Planner,
        pools: Pools,
        changed: asyncio.Event,
        telemetry: Telemetry,
    ) -> None:
        """`desire` computes what the pods should be; `changed` is set when that, or the Lease, has changed."""
        self._desire = desire
        self._watchers = watchers
        self._holding = holding
        self._planner = planner
        self._pools = pools
        self._changed = changed
        self._metrics, self._notices = telemetry
        self._is_settled = False
        self._failures = 0
        self._term = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wait()
            try:
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
        if not self._holding.is_held:
            return
        if self._term != self._holding.term:
            self._term = self._holding.term
            self._pools.forget()
        if not all(watcher.is_current for watcher in self._watchers):
            return
        if self._pools.is_due:
            self._is_settled = False
            await self._pools.read()
        if not self._is_settled or self._planner.waits:
            await self._reconcile()

    async def _reconcile(self) -> None:
        desired, existing = self._desire(), self._pools.existing
        plan = self._planner.plan(desired, existing, time.monotonic())
        self._measure(desired, self._planner.conflicts(desired, existing))
        self._is_settled = plan == Plan.empty()
        if not self._is_settled:
            await self._pools.execute(plan)
        if len(plan.removals) > MAX_REMOVALS:
            self._changed.set()

    def _measure(self, desired: Desired, conflicts: int) -> None:
        for reason in REASONS:
            self._metrics.skipped_endpoints.labels(reason).set(desired.skipped.get(reason, 0))
        self._metrics.skipped_endpoints.labels("conflict").set(conflicts)
        self._metrics.services_without_slices.set(len(desired.missing))
        if desired.missing:
            names = ", ".join(sorted(desired.missing))
            self._notices.say("services", f"no EndpointSlice of {names}: its pools are only drained")

    def _delay(self) -> float:
        bound = bound_seconds(self._failures, FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS)
        self._failures += 1
        return pause_seconds(bound, self._pools.retry_after)
