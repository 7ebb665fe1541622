"""Endpoints: the active pools of a fleet, for clients that place sessions themselves while no dispatcher answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from slta.core.fleet import FleetSpec
from slta.models import Pool


class Endpoint(NamedTuple):
    """Active pool. `address` is None without one."""

    pool_class: str
    address: str | None
    occupancy: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassEndpoints:
    """Active pools of a class as columns: the pool `pool_ids[i]` has `addresses[i]` and `occupancies[i]` sessions.

    `capacity` is that of each pool.
    """

    name: str
    capacity: int
    pool_ids: list[str]
    addresses: list[str | None]
    occupancies: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Active pools by class, in the order of the configuration.

    `session_types` has the names of the classes that sessions of each type may use.
    """

    fleet: str
    classes: list[ClassEndpoints]
    session_types: dict[str, list[str]]


def active_endpoints(pools: Iterable[Pool]) -> dict[str, Endpoint]:
    """The active ones among the pools, by pool id."""
    return {
        pool.pool_id: Endpoint(pool.pool_class, pool.address, pool.occupancy) for pool in pools if pool.takes_sessions
    }


def endpoints_by_class(fleet: str, spec: FleetSpec, endpoints: Mapping[str, Endpoint]) -> Endpoints:
    """Endpoints as columns. One whose class is not in `spec` is left out: it was removed before the class was."""
    classes = {
        c.name: ClassEndpoints(name=c.name, capacity=c.capacity, pool_ids=[], addresses=[], occupancies=[])
        for c in spec.classes
    }
    for pool_id, endpoint in endpoints.items():
        if columns := classes.get(endpoint.pool_class):
            columns.pool_ids.append(pool_id)
            columns.addresses.append(endpoint.address)
            columns.occupancies.append(endpoint.occupancy)
    names, sets = spec.class_names(), zip(spec.type_names, spec.type_sets.classes, strict=True)
    session_types = {name: [names[c] for c in own] for name, own in sets}
    return Endpoints(fleet=fleet, classes=list(classes.values()), session_types=session_types)
