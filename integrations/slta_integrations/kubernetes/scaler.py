"""Follows the scale advice of `GET …/scale`, for one Deployment a class."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from slta_client.replies import INVALID
from slta_integrations.client import Client
from slta_integrations.kubernetes.api_server import FAILURES
from slta_integrations.kubernetes.deployments import APPS, FOLLOW_SECONDS, pods_of, read_deployment
from slta_integrations.kubernetes.events import reason
from slta_integrations.kubernetes.falls import Falls
from slta_integrations.kubernetes.metrics import Telemetry
from slta_integrations.kubernetes.objects import Deployment, Labelled
from slta_integrations.kubernetes.options import Scaling
from slta_integrations.kubernetes.pools import Pools, StoppedError
from slta_integrations.kubernetes.scaling import COST, LOWEST, Actions, Advice, ClassAdvice, actions
from slta_integrations.kubernetes.watcher import Cluster

T = TypeVar("T")

LOOK_SECONDS = 15.0
"""Between two looks. An answer is up to 10 s old; this one knows what was done after the look before."""
TICK_SECONDS = 1.0
CORE = "/api/v1"
MERGE = {"Content-Type": "application/merge-patch+json"}


class Seen(NamedTuple):
    """Advice for a class, its Deployment, and its pods by pool id."""

    advice: ClassAdvice
    deployment: Deployment
    pods: Mapping[str, Labelled]


class Scaler:
    """Looks at the advice now and then. While it is withheld, drained pools stay as they are and nothing is written.

    Reading and writing are a task of their own: only a decision takes the turn of a plan.
    """

    def __init__(
        self, cluster: Cluster, client: Client, pools: Pools, scaling: Scaling, changed: asyncio.Event, told: Telemetry
    ) -> None:
        """`changed` is set after a decision."""
        self._client = client
        self._cluster = cluster
        self._pools = pools
        self._scaling = scaling
        self._changed = changed
        self._metrics, self._notices = told
        self._falls: defaultdict[str, Falls] = defaultdict(Falls)
        self._forget()

    def _forget(self) -> None:
        """Keep nothing of the last look, and wait before the next."""
        self._drains: set[str] = set()
        self._returns: set[str] = set()
        self._looked_at = time.monotonic()

    @property
    def idle(self) -> set[str]:
        """Pools that should drain, or stay drained, though their pods are ready. O(pools)."""
        own, classes = self._pools.existing.own, self._scaling.deployments
        kept = {id_ for id_, pool in own.items() if pool.is_idle and pool.pool_class in classes}
        return kept - self._returns | self._drains

    async def run(self) -> None:
        """Until cancelled. Who takes the Lease knows of no look."""
        while self._scaling.deployments:
            await asyncio.sleep(TICK_SECONDS)
            if not self._pools.may_act():
                self._forget()
            elif time.monotonic() - self._looked_at >= LOOK_SECONDS:
                with suppress(StoppedError):
                    await self._look()

    async def _look(self) -> None:
        """Read the advice, and act on it where the API server allows. Raises StoppedError."""
        advised = [(self._scaling.deployments.get(one.name), one) for one in await self._advice()]
        seen = await self._all((name, self._see(name, one)) for name, one in advised if name)
        async with self._pools.turn:
            self._forget()
            if seen:
                await self._pools.read()
            decided = [(one, self._decide(one)) for one in seen if self._cluster.is_current]
        self._changed.set()
        await self._all((one.deployment.name, self._act(one, next_)) for one, next_ in decided)

    async def _advice(self) -> Sequence[ClassAdvice]:
        reply = await self._client.call("GET", "scale")
        self._metrics.calls.labels(reply.code or "ok").inc()
        try:
            advice = Advice.model_validate(reply.body if reply.ok else {})
        except ValueError:
            self._notices.say("scale", f"nothing is scaled: {reply.problem or INVALID}")
            return ()
        self._notices.over("scale", "slta gives advice again.")
        return advice.classes

    async def _all(self, works: Iterable[tuple[str, Awaitable[T | None]]]) -> list[T]:
        """Results of works for Deployments, at once; of one that fails or comes too late a line says why."""
        found = await asyncio.gather(*(self._one(name, work) for name, work in works))
        return [one for one in found if one is not None]

    async def _one(self, name: str, work: Awaitable[T]) -> T | None:
        try:
            async with asyncio.timeout(FOLLOW_SECONDS):
                return await work
        except (*FAILURES, StoppedError, ValueError) as error:
            self._notices.say(f"scale {name}", f"{name} is not scaled: {reason(error)}")
        return None

    async def _see(self, name: str, advice: ClassAdvice) -> Seen | None:
        """What the API server has, unless nothing can follow."""
        deployment = await read_deployment(self._cluster.api, self._scaling, name)
        own = [pool for pool in self._pools.existing.own.values() if pool.pool_class == advice.name]
        if not (advice.wanted > advice.now or advice.drain or any(pool.status != "active" for pool in own)):
            return None
        pods, falls = await pods_of(self._cluster.api, self._scaling.namespace, deployment), self._falls[name]
        if stayed := falls.stayed(deployment, pods):
            names = ", ".join(sorted(pods[id_].name for id_ in stayed))
            self._notices.say(f"stayed {name}", f"replicas of {name} fell, and for no other pods again, for {names}")
        if falls.differ(deployment, pods):
            raise ValueError(f"its ReplicaSets have {len(pods)} pods, and its status {deployment.existing}")
        return Seen(advice, deployment, pods)

    def _decide(self, seen: Seen) -> Actions:
        falls, desired = self._falls[seen.deployment.name], self._cluster.desire().pools
        next_ = actions(*seen, self._pools.existing, desired, falls)
        self._drains.update(next_.drains)
        self._returns.update(next_.returns)
        return next_

    async def _act(self, seen: Seen, next_: Actions) -> None:
        for pod in next_.marks:
            mark = {"metadata": {"uid": pod.uid, "annotations": {COST: LOWEST}}}
            await self._write("PATCH", CORE, "pods", pod.name, json=mark, headers=MERGE)
        deployment, name = seen.deployment, seen.deployment.name
        if self._scaling.writes_replicas and next_.replicas != deployment.replicas:
            metadata = {"name": name, "namespace": self._scaling.namespace, "resourceVersion": deployment.version}
            scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata}
            scale["spec"] = {"replicas": next_.replicas}
            await self._write("PUT", APPS, "deployments", name, "scale", json=scale)
            self._notices.tell(f"{name} has {next_.replicas} replicas instead of {deployment.replicas}")
            if next_.replicas < deployment.replicas:
                self._falls[name].fell(deployment, next_.first, next_.replicas)

    async def _write(self, method: str, group: str, *names: str, **options: Any) -> None:  # noqa: ANN401
        """Change one object. Raises StoppedError without the Lease."""
        if not self._pools.may_act():
            raise StoppedError("another watcher may have the Lease")
        await self._cluster.api.call(method, group, self._scaling.namespace, *names, **options)
