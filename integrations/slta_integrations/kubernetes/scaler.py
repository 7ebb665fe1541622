"""Follows the scale advice of `GET …/scale`, for one Deployment a class."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from slta.cli.error_messages import UserError
from slta_client.replies import INVALID
from slta_integrations.client import Client
from slta_integrations.kubernetes.api_server import FAILURES, NOT_FOUND, ApiServer, Kind, RefusedError
from slta_integrations.kubernetes.events import reason
from slta_integrations.kubernetes.metrics import Telemetry
from slta_integrations.kubernetes.options import Scaling
from slta_integrations.kubernetes.pools import Pools, StoppedError
from slta_integrations.kubernetes.scaling import COST, LOWEST, Advice, ClassAdvice, Deployment, actions
from slta_integrations.kubernetes.watcher import Cluster, pods_by_id

LOOK_SECONDS = 15.0
"""Between two looks. An answer is up to 10 s old; this one knows what was done after the look before."""
FOLLOW_SECONDS = 10.0
"""Pods wait while a Deployment follows, at most for so long."""
CORE, APPS = "/api/v1", "/apis/apps/v1"
MERGE = {"Content-Type": "application/merge-patch+json"}
AUTOSCALERS = (
    Kind("/apis/autoscaling/v2", "horizontalpodautoscalers", ""),
    Kind("/apis/keda.sh/v1alpha1", "scaledobjects", ""),
)


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
        found = await self._api.call("GET", APPS, self._scaling.namespace, "deployments", name)
        deployment, pods = Deployment.model_validate(found), {}
        own = [pool for pool in self._pools.existing.own.values() if pool.pool_class == advice.name]
        if advice.drain or any(pool.status != "active" for pool in own):
            selector = ",".join(f"{key}={value}" for key, value in deployment.labels.items())
            pods = await pods_by_id(self._api, self._scaling.namespace, selector)
            await self._pools.read()
        if not self._cluster.is_current:
            return
        next_ = actions(advice, deployment, pods, self._pools.existing, self._cluster.desire().pools)
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

    async def _write(self, method: str, group: str, *names: str, **options: Any) -> None:  # noqa: ANN401
        """Change one object. Raises StoppedError without the Lease."""
        if not self._pools.may_act():
            raise StoppedError
        await self._api.call(method, group, self._scaling.namespace, *names, **options)


async def refuse_autoscaled(api: ApiServer, scaling: Scaling) -> None:
    """Raise UserError if something else sets the replicas of a Deployment whose replicas the watcher would set."""
    for kind in AUTOSCALERS if scaling.writes_replicas else ():
        try:
            items, _ = await api.list(kind, scaling.namespace)
        except FAILURES as error:
            if isinstance(error, RefusedError) and error.status == NOT_FOUND:
                continue
            raise UserError(f"--scale: {kind.plural} cannot be read: {reason(error)}") from None
        for item in items:
            target = item["spec"]["scaleTargetRef"]
            if target.get("kind", "Deployment") == "Deployment" and target["name"] in scaling.deployments.values():
                raise UserError(f"--scale: {target['name']} is in {kind.plural}; use --scale=drain")
