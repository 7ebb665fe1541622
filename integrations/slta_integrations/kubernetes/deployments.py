"""Deployments to scale and their pods, read from the API server; other workloads are refused by their kind."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from slta.cli.error_messages import UserError
from slta_integrations.kubernetes.api_server import NOT_FOUND, ApiServer, Kind, RefusedError
from slta_integrations.kubernetes.desired_pools import pool_id
from slta_integrations.kubernetes.events import reason
from slta_integrations.kubernetes.objects import Deployment, Labelled
from slta_integrations.kubernetes.options import Scaling
from slta_integrations.kubernetes.watcher import list_pods

FOLLOW_SECONDS = 5.0
"""Deadline of reading all Deployments, and of writing what follows."""
APPS = "/apis/apps/v1"
ALIVE = "status.phase!=Failed,status.phase!=Succeeded"
DEPLOYMENT, ROLLOUT = "Deployment", "Argo Rollout"
HASHES = {"pod-template-hash": DEPLOYMENT, "rollouts-pod-template-hash": ROLLOUT}
"""What a ReplicaSet is of, by the pods' label with the end of its name."""
AUTOSCALERS = (
    Kind("/apis/autoscaling/v2", "horizontalpodautoscalers", ""),
    Kind("/apis/keda.sh/v1alpha1", "scaledobjects", "", none_for=NOT_FOUND),
)


def workload_of(pod: Labelled) -> tuple[str, str]:
    """Kind and name of what a pod is of, as its controller's name says; both empty for a pod without a controller."""
    kind, name = pod.controller
    for label, above in HASHES.items():
        end = f"-{pod.labels.get(label)}"
        if kind == "ReplicaSet" and name.endswith(end):
            return above, name.removesuffix(end)
    return kind, name


async def read_deployment(api: ApiServer, scaling: Scaling, name: str) -> Deployment:
    """A Deployment. Raises ValueError for another workload, or if it selects by expressions or has an autoscaler."""
    try:
        found = Deployment.model_validate(await api.call("GET", APPS, scaling.namespace, "deployments", name))
    except RefusedError as error:
        if error.status == NOT_FOUND:
            for kind, workload in map(workload_of, await list_pods(api, scaling.namespace)):
                if workload == name:
                    raise ValueError(f"it is no Deployment but of the kind {kind}") from None
        raise
    for autoscaler in AUTOSCALERS if scaling.writes_replicas else ():
        items, _ = await api.list(autoscaler, scaling.namespace)
        targets = [item["spec"]["scaleTargetRef"] for item in items]
        if any(target["name"] == name and target.get("kind", DEPLOYMENT) == DEPLOYMENT for target in targets):
            raise ValueError(f"it is in {autoscaler.plural}; use --scale=drain")
    return found


async def pods_of(api: ApiServer, namespace: str, deployment: Deployment) -> Mapping[str, Labelled]:
    """The pods that the controllers of a Deployment count, by pool id. Raises ValueError if a Rollout runs them."""
    selector = ",".join(f"{key}={value}" for key, value in deployment.labels.items())
    found = await list_pods(api, namespace, selector, ALIVE)
    workloads = [workload_of(pod) for pod in found]
    if not deployment.replicas and any(kind == ROLLOUT for kind, _ in workloads):
        raise ValueError(f"an {ROLLOUT} runs its pods")
    own = [pod for pod, workload in zip(found, workloads, strict=True) if workload == (DEPLOYMENT, deployment.name)]
    return {pool_id(pod.name, pod.uid): pod for pod in own if not pod.is_deleted}


async def refuse_unscalable(api: ApiServer, scaling: Scaling) -> None:
    """Raise UserError for what is known not to be scalable."""
    names = scaling.deployments.values()
    reads = (asyncio.wait_for(read_deployment(api, scaling, name), FOLLOW_SECONDS) for name in names)
    for name, found in zip(names, await asyncio.gather(*reads, return_exceptions=True), strict=True):
        if isinstance(found, ValueError):
            raise UserError(f"--deployment: {name} cannot be scaled: {reason(found)}")
