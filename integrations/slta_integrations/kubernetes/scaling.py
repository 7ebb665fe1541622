"""Actions by which a Deployment follows the scale advice of its class.

| pools of the class | action |
|---|---|
| fewer are active than wanted | idle ones return, those with most sessions first; replicas rise for the rest |
| more | those that the advice names become idle: they drain |
| idle, empty, and the pod is ready | the pod is marked, by the lowest deletion cost |
| marked by the look before | replicas fall by as many, but not below those of the advice |

The ReplicaSet's controller learns of a mark only after a moment, so replicas fall one look later. A marked pod may go
at any time, so its pool never returns. Kubernetes deletes pods that are not ready first, whatever their cost, and does
not compare costs between ReplicaSets: while such a pod has sessions, or during a rollout, replicas do not fall; nor
while pods of the last fall are left, or the status counts others than these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import BaseModel

from slta_integrations.kubernetes.desired_pools import DesiredPool
from slta_integrations.kubernetes.falls import Falls
from slta_integrations.kubernetes.objects import Deployment, Labelled
from slta_integrations.kubernetes.plan import Existing

COST = "controller.kubernetes.io/pod-deletion-cost"
LOWEST = str(-(2**31))
"""Cost of the pods that the watcher marks."""


class _Drain(BaseModel):
    pool_id: str


class ClassAdvice(BaseModel):
    """Advice for a class: pools that are wanted and active, pods that remain, and pools to drain."""

    name: str
    wanted: int
    now: int
    replicas: int
    drain: list[_Drain]


class Advice(BaseModel):
    """What `GET …/scale` answers, as far as it matters here: the rest follows from pools that are read later."""

    classes: list[ClassAdvice]


class Actions(NamedTuple):
    """Pools to drain and to return, pods to mark, the replicas to set, and the pools whose pods then go first."""

    drains: set[str]
    returns: list[str]
    marks: list[Labelled]
    replicas: int
    first: frozenset[str] = frozenset()


def actions(
    advice: ClassAdvice,
    deployment: Deployment,
    pods: Mapping[str, Labelled],
    existing: Existing,
    desired: Mapping[str, DesiredPool],
    falls: Falls,
) -> Actions:
    """What follows. `pods` are the Deployment's, by pool id; `existing` was read since. O(pods log pods)."""
    own, replicas, missing = existing.own, deployment.replicas, advice.wanted - advice.now
    marked = {id_ for id_, pod in pods.items() if pod.annotations.get(COST) == LOWEST}
    ready = {id_ for id_ in pods if id_ in desired and desired[id_].takes_sessions}
    if missing > 0:
        idle = [id_ for id_ in pods.keys() & own.keys() - marked if own[id_].is_idle]
        returns = sorted(idle, key=lambda id_: -own[id_].occupancy)[:missing]
        if len(returns) < missing:
            stay = [id_ for id_ in ready.intersection(own).difference(returns) if own[id_].status != "active"]
            if (needed := advice.wanted + len(stay)) > replicas:
                replicas = max(needed, advice.replicas)
        return Actions(marked, returns, [], replicas)
    if not (deployment.is_settled and len(pods) == deployment.existing and falls.is_over):
        return Actions(marked, [], [], replicas)
    drains = marked | {pool.pool_id for pool in advice.drain if pool.pool_id in pods}
    first = frozenset(id_ for id_ in pods if id_ in marked or id_ not in ready)
    first -= {id_ for id_, pod in desired.items() if pod.is_terminating}
    if not all(_is_free(id_, existing, ready) for id_ in first):
        return Actions(drains, [], [], replicas)
    empty = {id_ for id_ in ready.intersection(own) if own[id_].is_idle and own[id_].is_free} - falls.kept
    least, marks = min(replicas, advice.replicas), [pods[id_] for id_ in empty - marked]
    return Actions(drains, [], marks, max(replicas - len(empty & marked), least), first)


def _is_free(pool_id: str, existing: Existing, ready: set[str]) -> bool:
    """Whether a pod has no sessions and gets none; unknown of one that has no pool yet, or a pool of somebody else."""
    pool = existing.own.get(pool_id)
    return pool.is_free if pool else pool_id not in ready and pool_id not in existing.others
