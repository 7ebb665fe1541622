"""Pods of slices, the pools that they should be, and the calls that make them so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from slta_integrations.kubernetes.desired_pools import Desired, DesiredPool, Selection, desired, pool_id
from slta_integrations.kubernetes.objects import Slice, read_slice
from slta_integrations.kubernetes.plan import DRAINED, IDLE, SERVICE, SOURCE, Existing, Plan, Pool, conflicts, planned
from tests.integrations.api_server import Object, endpoint, slice_of, terminating, uid_of

SELECTION = Selection({"svc-small": "small", "svc-large": "large"})
ID = pool_id("game-0", uid_of("game-0"))


def read(*endpoints: Object, version: int = 1, service: str = "svc-small", **members: Any) -> Slice:
    item = slice_of("s", service, list(endpoints), **members)
    item["metadata"]["resourceVersion"] = str(version)
    return read_slice(item)


def desired_of(*slices: Slice, selection: Selection = SELECTION, classes: dict[str, str] | None = None) -> Desired:
    return desired(slices, selection, classes or {})


def only(found: Desired) -> DesiredPool:
    [pool] = found.pools.values()
    return pool


# Desired pools


def test_a_pod_has_the_class_of_its_service_and_the_first_port() -> None:
    found = only(desired_of(read(endpoint("game-0", "10.0.0.7"))))
    assert found == DesiredPool(ID, "svc-small", "small", "10.0.0.7:7777", True)
    assert f"game-0.{uid_of('game-0')[:8]}" == ID


@pytest.mark.parametrize(
    ("conditions", "takes_sessions"),
    [
        ({"ready": None, "serving": None, "terminating": None}, True),
        ({"ready": False}, False),
        ({"ready": False, "serving": True, "terminating": True}, False),
        ({"ready": True, "terminating": True}, False),
    ],
)
def test_conditions_say_whether_it_takes_sessions(conditions: dict[str, Any], takes_sessions: bool) -> None:
    assert only(desired_of(read(endpoint("game-0", "10.0.0.7", **conditions)))).takes_sessions is takes_sessions


@pytest.mark.parametrize("member", [{"conditions": None}, {"conditions": {}}])
def test_without_conditions_it_is_ready(member: Object) -> None:
    assert only(desired_of(read({**endpoint("game-0", "10.0.0.7"), **member}))).takes_sessions


@pytest.mark.parametrize("addresses", [None, [], [""]])
def test_an_evicted_pod_without_an_address_is_gone(addresses: list[str] | None) -> None:
    found = desired_of(read({**endpoint("game-0"), "addresses": addresses}))
    assert (found.pools, found.skipped) == ({}, {"no_address": 1})


def test_an_endpoint_that_is_no_pod_is_no_pool() -> None:
    others = [{"addresses": ["10.0.0.9"]}, {**endpoint("x", "10.0.0.8"), "targetRef": {"kind": "Node", "name": "n"}}]
    found = desired_of(read(*others))
    assert (found.pools, found.skipped) == ({}, {"no_pod": 2})


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_slices_with_one_pod_the_newer_is_right(order: int) -> None:
    slices = [read(endpoint("game-0", "10.0.0.7"), version=9), read(terminating("game-0", "10.0.0.7"), version=10)]
    assert not only(desired_of(*slices[::order])).takes_sessions


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_slices_without_a_version_that_which_takes_no_sessions(order: int) -> None:
    slices = [read(endpoint("game-0", "10.0.0.7"), version=0), read(terminating("game-0", "10.0.0.7"), version=0)]
    assert not only(desired_of(*slices[::order])).takes_sessions


def test_one_address_family_counts() -> None:
    slices = [read(endpoint("game-0", "10.0.0.7")), read(endpoint("game-0", "fd00::7"), addressType="IPv6")]
    assert only(desired_of(*slices)).address == "10.0.0.7:7777"
    assert only(desired_of(*slices, selection=SELECTION._replace(family="IPv6"))).address == "[fd00::7]:7777"


def test_a_pod_of_two_services_belongs_to_the_first_of_the_options() -> None:
    slices = [read(endpoint("game-0", "10.0.0.7"), service=name) for name in ("svc-large", "svc-small")]
    assert only(desired_of(*slices)).pool_class == "small"


def test_the_port_is_chosen_by_name() -> None:
    ports = [{"name": "metrics", "port": 9100}, {"name": "play", "port": 7777}]
    one = read(endpoint("game-0", "10.0.0.7"), ports=ports)
    assert only(desired_of(one)).address == "10.0.0.7:9100"
    assert only(desired_of(one, selection=SELECTION._replace(port="play"))).address == "10.0.0.7:7777"
    missing = desired_of(one, selection=SELECTION._replace(port="other"))
    assert (only(missing).takes_sessions, missing.skipped) == (False, {"no_port": 1})


def test_without_ports_the_address_is_the_host() -> None:
    assert only(desired_of(read(endpoint("game-0", "10.0.0.7"), ports=None))).address == "10.0.0.7"


def test_a_label_of_the_pod_is_its_class() -> None:
    selection, one = Selection({"svc-small": ""}), read(endpoint("game-0", "10.0.0.7"))
    assert only(desired_of(one, selection=selection, classes={uid_of("game-0"): "huge"})).pool_class == "huge"
    found = desired_of(one, selection=selection)
    assert (only(found).pool_class, found.skipped) == ("", {"no_class": 1})


def test_services_without_a_slice_are_told_apart_from_those_with_an_empty_one() -> None:
    found = desired_of(read(service="svc-small"), read(service="svc-large", addressType="IPv6"))
    assert (found.services, found.missing) == ({"svc-small"}, {"svc-large"})


def test_the_id_of_a_long_name_fits() -> None:
    assert pool_id("x" * 253, "0123456789ab") == "x" * 119 + ".01234567"


# Plans

READY = DesiredPool(ID, "svc-small", "small", "10.0.0.7:7777", True)
NOT_READY = READY._replace(takes_sessions=False)
OWN = {SOURCE: "kubernetes:games", SERVICE: "svc-small"}
MARKED, IDLED = {**OWN, DRAINED: "kubernetes"}, {**OWN, DRAINED: IDLE}
POOL = Pool(ID, "small", "active", 0, "10.0.0.7:7777", OWN)
NOTHING = Plan.empty()
SMALL = frozenset({"svc-small"})


def plan_for(
    pod: DesiredPool | None, pool: Pool | None, services: frozenset[str] = SMALL, *over: str, idle: Sequence[str] = ()
) -> Plan:
    pods = {pod.pool_id: pod} if pod else {}
    pools = {pool.pool_id: pool} if pool else {}
    desired, existing = Desired(pods, services, frozenset(), {}), Existing(pools, frozenset())
    return planned(desired, existing, "kubernetes:games", over, idle)


def labelled(labels: dict[str, str]) -> dict[str, dict[str, Any]]:
    return {ID: {"pool_id": ID, "pool_class": "small", "labels": labels}}


def test_a_ready_pod_becomes_a_pool() -> None:
    entry = {"pool_id": ID, "pool_class": "small", "address": "10.0.0.7:7777", "labels": OWN}
    assert plan_for(READY, None) == NOTHING._replace(creations=[entry])


@pytest.mark.parametrize("pod", [NOT_READY, READY._replace(pool_class="")])
def test_a_pod_that_is_not_ready_or_has_no_class_becomes_none(pod: DesiredPool) -> None:
    assert plan_for(pod, None) == NOTHING


def test_a_pool_that_is_as_it_should_be_is_left_alone() -> None:
    assert plan_for(READY, POOL) == NOTHING


def test_a_pool_whose_pod_takes_no_sessions_is_marked_and_drained() -> None:
    assert plan_for(NOT_READY, POOL) == NOTHING._replace(changes=labelled(MARKED), drains=[ID])


def test_a_pool_that_was_marked_before_it_died_is_drained_without_another_mark() -> None:
    assert plan_for(NOT_READY, POOL._replace(labels=MARKED)) == NOTHING._replace(drains=[ID])


def test_a_pool_that_it_drained_is_returned_and_then_loses_the_mark() -> None:
    drained = POOL._replace(status="draining", labels=MARKED)
    assert plan_for(READY, drained) == NOTHING._replace(returns=[ID])
    assert plan_for(READY, drained._replace(status="active")) == NOTHING._replace(changes=labelled(OWN))


@pytest.mark.parametrize("status", ["draining", "failed"])
@pytest.mark.parametrize("pod", [READY, NOT_READY])
def test_what_an_operator_drained_or_failed_stays_so(status: str, pod: DesiredPool) -> None:
    assert plan_for(pod, POOL._replace(status=status)) == NOTHING


def test_a_pool_that_the_fleet_does_not_need_is_drained_and_stays_so() -> None:
    assert plan_for(READY, POOL, idle=[ID]) == NOTHING._replace(changes=labelled(IDLED), drains=[ID])
    assert plan_for(READY, POOL._replace(status="draining", labels=IDLED), idle=[ID]) == NOTHING
    assert plan_for(NOT_READY, POOL, idle=[ID]) == NOTHING._replace(changes=labelled(MARKED), drains=[ID])


def test_a_pool_that_has_just_returned_is_drained_for_its_new_reason() -> None:
    for pod, old, new in ((READY, MARKED, IDLED), (NOT_READY, IDLED, MARKED)):
        found = plan_for(pod, POOL._replace(labels=old), idle=[ID])
        assert found == NOTHING._replace(changes=labelled(new), drains=[ID])


def test_other_labels_of_a_pool_stay() -> None:
    pool = POOL._replace(labels={**OWN, "zone": "a"})
    assert plan_for(NOT_READY, pool).changes == labelled({**MARKED, "zone": "a"})


def test_an_address_and_a_mark_are_one_change() -> None:
    [change] = plan_for(NOT_READY._replace(address="10.0.0.8:7777"), POOL).changes.values()
    assert change == {"pool_id": ID, "pool_class": "small", "address": "10.0.0.8:7777", "labels": MARKED}


def test_a_pool_whose_pod_vanished_is_drained_and_when_it_has_waited_failed_and_removed() -> None:
    drained = NOTHING._replace(changes=labelled(MARKED), drains=[ID])
    assert plan_for(None, POOL) == drained
    assert plan_for(None, POOL, SMALL, ID) == drained._replace(removals={ID: True})
    failed = POOL._replace(status="failed", labels=MARKED)
    assert plan_for(None, failed, SMALL, ID) == NOTHING._replace(removals={ID: False})


def test_pools_of_a_service_without_slices_are_drained_and_removed_when_empty() -> None:
    none: frozenset[str] = frozenset()
    assert plan_for(None, POOL, none) == NOTHING._replace(changes=labelled(MARKED), drains=[ID])
    drained = POOL._replace(status="draining", labels=MARKED)
    assert plan_for(None, drained._replace(occupancy=1), none) == NOTHING
    assert plan_for(None, drained, none) == NOTHING._replace(removals={ID: False})


def test_a_pool_of_another_class_is_drained_and_made_anew_when_empty() -> None:
    pod = READY._replace(pool_class="large")
    assert plan_for(pod, POOL) == NOTHING._replace(changes=labelled(MARKED), drains=[ID])
    assert plan_for(pod, POOL._replace(status="draining", labels=MARKED)) == NOTHING._replace(removals={ID: False})


def test_a_pool_stays_while_the_label_of_its_pod_is_unknown() -> None:
    assert plan_for(READY._replace(pool_class=""), POOL) == NOTHING


def test_an_id_of_somebody_else_is_left_alone() -> None:
    found = Desired({ID: READY}, frozenset({"svc-small"}), frozenset(), {})
    existing = Existing({}, frozenset({ID}))
    assert planned(found, existing, "kubernetes:games") == NOTHING
    assert conflicts(found, existing) == 1
