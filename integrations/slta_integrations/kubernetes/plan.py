"""Difference between desired and existing pools, as calls to make.

| pod | pool |
|---|---|
| ready | is made; active |
| ready, and idle by the scale advice | draining |
| terminating | draining |
| neither | draining until ready; is not made |
| in no slice, or without an address | draining; failed, then removed, when it has waited |
| of a Service without any slice, or that is no longer watched | draining, removed when empty |

A drain or failure that somebody else ordered stays: only what the label `slta.drained` marks is returned.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from slta_integrations.kubernetes.desired_pools import Desired, DesiredPool

SOURCE = "slta.source"
SERVICE = "slta.service"
DRAINED = "slta.drained"
"""Label of pools that the watcher drains: set before, removed after it has returned them."""
MARK = "kubernetes"
IDLE = "scale"
"""Mark of pools that drain though their pods are ready: the fleet needs fewer."""


class Pool(NamedTuple):
    """Existing pool."""

    pool_id: str
    pool_class: str
    status: str
    occupancy: int
    address: str
    labels: Mapping[str, str]

    @property
    def service(self) -> str:
        """Its Service."""
        return self.labels.get(SERVICE, "")

    @property
    def is_idle(self) -> bool:
        """Whether it drains, or has drained, because the fleet needs fewer."""
        return self.status == "draining" and self.labels.get(DRAINED) == IDLE

    @property
    def is_free(self) -> bool:
        """Whether it has no sessions and gets none."""
        return self.status != "active" and not self.occupancy


class Existing(NamedTuple):
    """Pools of this source by id, and the ids of all others."""

    own: dict[str, Pool]
    others: frozenset[str]


class Plan(NamedTuple):
    """Calls to make, in this order.

    `changes` (by pool id) and `creations` are entries of POST pools; `removals` says which pools are failed before.
    """

    changes: dict[str, dict[str, Any]]
    drains: list[str]
    returns: list[str]
    creations: list[dict[str, Any]]
    removals: dict[str, bool]

    @classmethod
    def empty(cls) -> Plan:
        """Nothing to do."""
        return cls({}, [], [], [], {})

    def change(self, pool: Pool, **attributes: object) -> None:
        """Set attributes of a pool."""
        entry = self.changes.setdefault(pool.pool_id, {"pool_id": pool.pool_id, "pool_class": pool.pool_class})
        entry.update(attributes)


def planned(
    desired: Desired, existing: Existing, source: str, over: Collection[str] = (), idle: Collection[str] = ()
) -> Plan:
    """The calls that make the pools of a source what is desired.

    `over`: pools whose pods have vanished for good; `idle`: those that drain or stay drained though the pods are ready.
    """
    plan = Plan.empty()
    for pool in existing.own.values():
        target = desired.pools.get(pool.pool_id)
        if target is None and pool.service in desired.services:
            _drain(plan, pool)
            if pool.pool_id in over:
                plan.removals[pool.pool_id] = pool.status != "failed"
        elif target is None or target.pool_class not in {"", pool.pool_class}:
            _drain(plan, pool)
            if pool.is_free:
                plan.removals[pool.pool_id] = False
        else:
            _keep(plan, pool, target, idle)
    new = (target for target in desired.pools.values() if _is_new(target, existing))
    plan.creations.extend(_creation(target, source) for target in new)
    return plan


def conflicts(desired: Desired, existing: Existing) -> int:
    """Number of desired pools whose ids belong to somebody else."""
    return len(desired.pools.keys() & existing.others)


def _creation(target: DesiredPool, source: str) -> dict[str, Any]:
    return {
        "pool_id": target.pool_id,
        "pool_class": target.pool_class,
        "address": target.address,
        "labels": {SOURCE: source, SERVICE: target.service},
    }


def _is_new(target: DesiredPool, existing: Existing) -> bool:
    is_free = target.pool_id not in existing.own and target.pool_id not in existing.others
    return is_free and target.takes_sessions and bool(target.pool_class)


def _keep(plan: Plan, pool: Pool, target: DesiredPool, idle: Collection[str]) -> None:
    """Address and status of a pool whose pod is there."""
    if target.address not in {"", pool.address}:
        plan.change(pool, address=target.address)
    if pool.pool_id in idle or not target.takes_sessions:
        _drain(plan, pool, IDLE if target.takes_sessions else MARK)
    elif DRAINED in pool.labels and pool.status == "active":
        plan.change(pool, labels={key: pool.labels[key] for key in pool.labels if key != DRAINED})
    elif DRAINED in pool.labels:
        plan.returns.append(pool.pool_id)


def _drain(plan: Plan, pool: Pool, mark: str = MARK) -> None:
    """Mark it and stop new sessions, unless somebody else did."""
    if pool.status == "active":
        if pool.labels.get(DRAINED) != mark:
            plan.change(pool, labels={**pool.labels, DRAINED: mark})
        plan.drains.append(pool.pool_id)
