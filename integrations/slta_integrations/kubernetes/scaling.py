"""Actions by which a Deployment follows the scale advice of its class.

| pools of the class | action |
|---|---|
| fewer are active than wanted | idle ones return, those with most sessions first; replicas rise for the rest |
| more | those that the advice names become idle: they drain |
| idle, empty, and the pod is ready | the pod is marked, by the lowest deletion cost |
| marked by the look before | replicas fall by as many |

The ReplicaSet's controller learns of a mark only after a moment, so replicas fall one look later. A marked pod may go
at any time, so its pool never returns. Kubernetes deletes pods that are not ready first, whatever their cost, and does
not compare costs between ReplicaSets: while such a pod has sessions, or during a rollout, replicas do not fall.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import AliasPath, BaseModel, Field

from slta_integrations.kubernetes.desired_pools import DesiredPool
from slta_integrations.kubernetes.objects import Labelled
from slta_integrations.kubernetes.plan import Existing

COST = "controller.kubernetes.io/pod-deletion-cost"
LOWEST = str(-(2**31))
"""Cost of the pods that the watcher marks."""


class _Drain(BaseModel):
    pool_id: str


class ClassAdvice(BaseModel):
    """Advice for a class: pools that are wanted and active, and those to drain."""

    name: str
    wanted: int
    now: int
    drain: list[_Drain]


class Advice(BaseModel):
    """What `GET …/scale` answers, as far as it matters here: the rest follows from pools that are read later."""

    classes: list[ClassAdvice]


class Deployment(BaseModel):
    """Deployment (apps/v1), as far as it matters here. One that selects by expressions is invalid."""

    version: str = Field(validation_alias=AliasPath("metadata", "resourceVersion"))
    generation: int = Field(validation_alias=AliasPath("metadata", "generation"))
    replicas: int = Field(validation_alias=AliasPath("spec", "replicas"))
    labels: dict[str, str] = Field(validation_alias=AliasPath("spec", "selector", "matchLabels"))
    expressions: list[Any] = Field([], validation_alias=AliasPath("spec", "selector", "matchExpressions"), max_length=0)
    observed: int = Field(0, validation_alias=AliasPath("status", "observedGeneration"))
    existing: int = Field(0, validation_alias=AliasPath("status", "replicas"))
    updated: int = Field(0, validation_alias=AliasPath("status", "updatedReplicas"))

    @property
    def is_settled(self) -> bool:
        """Whether its pods are of one ReplicaSet, and none is still to be deleted."""
        return self.observed >= self.generation and self.updated == self.existing <= self.replicas


class Actions(NamedTuple):
    """Pools to drain and to return, pods to mark, and the replicas to set."""

    drains: set[str]
    returns: list[str]
    marks: list[Labelled]
    replicas: int


def actions(
    advice: ClassAdvice,
    deployment: Deployment,
    pods: Mapping[str, Labelled],
    existing: Existing,
    desired: Mapping[str, DesiredPool],
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
            replicas = max(replicas, advice.wanted + len(stay))
        return Actions(marked, returns, [], replicas)
    if not deployment.is_settled:
        return Actions(marked, [], [], replicas)
    drains = marked | {pool.pool_id for pool in advice.drain if pool.pool_id in pods}
    first = {id_ for id_ in pods if id_ in marked or id_ not in ready}
    ending = {id_ for id_, pod in desired.items() if pod.is_terminating}
    if not all(_is_free(id_, existing, ready) for id_ in first - ending):
        return Actions(drains, [], [], replicas)
    empty = [id_ for id_ in ready.intersection(own) if own[id_].is_idle and own[id_].is_free]
    marks = [pods[id_] for id_ in empty if id_ not in marked]
    return Actions(drains, [], marks, replicas - (len(empty) - len(marks)))


def _is_free(pool_id: str, existing: Existing, ready: set[str]) -> bool:
    """Whether a pod has no sessions and gets none; unknown of one that has no pool yet, or a pool of somebody else."""
    pool = existing.own.get(pool_id)
    return pool.is_free if pool else pool_id not in ready and pool_id not in existing.others
