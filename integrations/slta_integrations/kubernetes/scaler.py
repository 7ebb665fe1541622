"""Follows the scale advice of `GET …/scale`, for one Deployment a class."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import Any

from slta_client.replies import INVALID
from slta_integrations.client import Client
from slta_integrations.kubernetes.api_server import FAILURES, ApiServer
from slta_integrations.kubernetes.deployments import APPS, UnscalableError, pods_of, read_deployment
from slta_integrations.kubernetes.events import reason
from slta_integrations.kubernetes.falls import Falls
from slta_integrations.kubernetes.metrics import Telemetry
from slta_integrations.kubernetes.options import Scaling
from slta_integrations.kubernetes.pools import Pools, StoppedError
from slta_integrations.kubernetes.scaling import COST, LOWEST, Advice, ClassAdvice, actions
from slta_integrations.kubernetes.watcher import Cluster

LOOK_SECONDS = 15.0
"""Between two looks. An answer is up to 10 s old; this one knows what was done after the look before."""
FOLLOW_SECONDS = 10.0
"""Pods wait while a Deployment follows, at most for so long."""
CORE = "/api/v1"
MERGE = {"Content-Type": "application/merge-patch+json"}


class Scaler:
    """Looks at the advice now and then. While it is withheld, drained pools stay as they are and nothing is written."""

    def __init__(
        self, api: ApiServer, client: Client, cluster: Cluster, pools: Pools, scaling: Scaling, telemetry: Telemetry
    ) -> None:
        self._api = api
        self._client = client
        self._cluster = cluster
        self._pools = pools
        self._scaling = scaling
        self._metrics, self._notices = telemetry
        self._falls: defaultdict[str, Falls] = defaultdict(Falls)
        self.forget()

    def forget(self) -> None:
        """Keep nothing of the last look, and wait before the next."""
        self._drains: set[str] = set()
        self._returns: set[str] = set()
        self._looked_at = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether to look."""
        return bool(self._scaling.deployments) and time.monotonic() - self._looked_at >= LOOK_SECONDS

    @property
    def idle(self) -> set[str]:
        """Pools that should drain, or stay drained, though their pods are ready. O(pools)."""
        own, classes = self._pools.existing.own, self._scaling.deployments
        kept = {id_ for id_, pool in own.items() if pool.is_idle and pool.pool_class in classes}
        return kept - self._returns | self._drains

    async def look(self) -> None:
        """Read the advice, and act on it where the API server allows. Raises StoppedError."""
        self.forget()
        reply = await self._client.call("GET", "scale")
        self._metrics.calls.labels(reply.code or "ok").inc()
        try:
            advice = Advice.model_validate(reply.body if reply.ok else {})
        except ValueError:
            self._notices.say("scale", f"nothing is scaled: {reply.problem or INVALID}")
            return
        self._notices.over("scale", "slta gives advice again.")
        for one in advice.classes:
            if name := self._scaling.deployments.get(one.name):
                try:
                    async with asyncio.timeout(FOLLOW_SECONDS):
                        await self._follow(one, name)
                except (*FAILURES, ValueError) as error:
                    self._notices.say(f"scale {name}", f"{name} is not scaled: {reason(error)}")

    async def _follow(self, advice: ClassAdvice, name: str) -> None:
        deployment = await read_deployment(self._api, self._scaling.namespace, name)
        own = [pool for pool in self._pools.existing.own.values() if pool.pool_class == advice.name]
        if not (advice.wanted > advice.now or advice.drain or any(pool.status != "active" for pool in own)):
            return
        pods = await pods_of(self._api, self._scaling.namespace, name, deployment)
        await self._pools.read()
        if not self._cluster.is_current:
            return
        falls = self._falls[name]
        if stayed := falls.stayed(deployment, pods):
            names = ", ".join(sorted(pods[id_].name for id_ in stayed))
            self._notices.say(f"stayed {name}", f"replicas of {name} fell, and for no other pods again, for {names}")
        if falls.differ(deployment, pods):
            raise UnscalableError(f"its ReplicaSets have {len(pods)} pods, and its status {deployment.existing}")
        next_ = actions(advice, deployment, pods, self._pools.existing, self._cluster.desire().pools, falls)
        self._drains.update(next_.drains)
        self._returns.update(next_.returns)
        for pod in next_.marks:
            mark = {"metadata": {"uid": pod.uid, "annotations": {COST: LOWEST}}}
            await self._write("PATCH", CORE, "pods", pod.name, json=mark, headers=MERGE)
        if self._scaling.writes_replicas and next_.replicas != deployment.replicas:
            metadata = {"name": name, "namespace": self._scaling.namespace, "resourceVersion": deployment.version}
            scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata}
            scale["spec"] = {"replicas": next_.replicas}
            await self._write("PUT", APPS, "deployments", name, "scale", json=scale)
            self._notices.tell(f"{name} has {next_.replicas} replicas instead of {deployment.replicas}")
            if next_.replicas < deployment.replicas:
                falls.fell(deployment, next_.first, next_.replicas)

    async def _write(self, method: str, group: str, *names: str, **options: Any) -> None:  # noqa: ANN401
        """Change one object. Raises StoppedError without the Lease."""
        if not self._pools.may_act():
            raise StoppedError
        await self._api.call(method, group, self._scaling.namespace, *names, **options)
