"""Desired pools: those that the pods of the slices should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from slta_integrations.kubernetes.objects import Endpoint, Slice

MAX_ID = 128
UID_DIGITS = 8


class Selection(NamedTuple):
    """What to make pools of: class by Service (empty: by the pods' label only), address family, and name of the port.

    Without a name it is the first port of a slice.
    """

    classes: Mapping[str, str]
    family: str = "IPv4"
    port: str = ""


class DesiredPool(NamedTuple):
    """Pool that a pod should be. Without a class or an address it is not made, but stays if it exists."""

    pool_id: str
    service: str
    pool_class: str
    address: str
    takes_sessions: bool
    is_terminating: bool = False


class Desired(NamedTuple):
    """Desired pools by id; Services with and without slices of the family; endpoints that are no pool, by reason."""

    pools: Mapping[str, DesiredPool]
    services: frozenset[str]
    missing: frozenset[str]
    skipped: Mapping[str, int]


class _Seen(NamedTuple):
    slice: Slice
    endpoint: Endpoint

    @property
    def order(self) -> tuple[int, bool]:
        """Of two slices with one endpoint the newer is right; of equal ones that which takes no sessions."""
        return self.slice.version, not _takes_sessions(self.endpoint)


def desired(slices: Iterable[Slice], selection: Selection, classes_by_uid: Mapping[str, str]) -> Desired:
    """The pools for all slices, in one pass: O(endpoints). A pod in several Services belongs to the first of them."""
    ranks = {service: rank for rank, service in enumerate(selection.classes)}
    own = (one for one in slices if one.service in ranks and one.family == selection.family)
    known = sorted(own, key=lambda one: ranks[one.service])
    seen: dict[str, _Seen] = {}
    skipped: Counter[str] = Counter()
    for one in known:
        for endpoint in one.endpoints:
            found, old = _Seen(one, endpoint), seen.get(endpoint.uid)
            if old is None or (old.slice.service == one.service and found.order > old.order):
                seen[endpoint.uid] = found
        skipped["no_pod"] += one.others
    pools = {}
    for uid, found in seen.items():
        pool, reason = _pool(found, selection, classes_by_uid.get(uid, ""))
        skipped[reason] += bool(reason)
        if reason != "no_address":
            pools[pool.pool_id] = pool
    services = frozenset(one.service for one in known)
    return Desired(pools, services, frozenset(selection.classes) - services, +skipped)


def _pool(found: _Seen, selection: Selection, own_class: str) -> tuple[DesiredPool, str]:
    """The pool, and why it can have no sessions, if so."""
    one, endpoint = found
    pool_class = own_class or selection.classes[one.service]
    address = _address(one, endpoint.host, selection.port)
    reason = "no_port" if not address else "no_class" if not pool_class else ""
    reason = reason if endpoint.host else "no_address"
    takes = _takes_sessions(endpoint) and bool(address)
    id_ = pool_id(endpoint.pod, endpoint.uid)
    return DesiredPool(id_, one.service, pool_class, address, takes, endpoint.is_terminating), reason


def _takes_sessions(endpoint: Endpoint) -> bool:
    return endpoint.is_ready and not endpoint.is_terminating


def _address(one: Slice, host: str, name: str) -> str:
    """`host:port`; the host alone if the slice has no ports; empty without the port of that name."""
    if not one.ports and not name:
        return host
    port = one.ports.get(name) if name else next(iter(one.ports.values()))
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else ""


def pool_id(pod: str, uid: str) -> str:
    """Id of a pod's pool: its name and the begin of its uid, since a StatefulSet uses names again."""
    end = f".{uid[:UID_DIGITS]}"
    return pod[: MAX_ID - len(end)] + end
