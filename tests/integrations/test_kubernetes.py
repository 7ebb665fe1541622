"""`slta kubernetes` against a real dispatcher: pods, vanished pods, outages of slta, and a second watcher."""

from __future__ import annotations

import pytest

from slta_integrations.kubernetes import lease, pools
from slta_integrations.kubernetes.desired_pools import Selection
from testbed.awaiting import until
from testbed.threaded_relay import ThreadedRelay
from tests.integrations.api_server import endpoint, slice_of, terminating, uid_of
from tests.integrations.kubernetes_scene import GRACE, Clock, Scene, id_of
from tests.integrations.watching import SOURCE, Watching

OTHERS = {"c-1", "c-2", "c-3"}
"""Pools of the fleet that the watcher did not make."""
SLICES = [
    slice_of(f"c-{number}", "svc-c", [endpoint(f"p-{number}-{one}", f"10.0.{number}.{one}") for one in range(4)])
    for number in range(5)
]


# What pods become


def test_ready_pods_become_pools_with_their_addresses(scene: Scene) -> None:
    scene.has(endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2", ready=False))
    scene.watch()
    scene.until_pools(a="active")
    pool = scene.pools()[id_of("a")]
    assert (pool["pool_class"], pool["address"]) == ("c", "10.0.0.1:7777")
    assert pool["labels"] == {"slta.source": SOURCE, "slta.service": "svc-c"}
    scene.has(endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2"))
    scene.until_pools(a="active", b="active")


def test_a_pod_that_ends_is_drained_then_failed_and_removed(scene: Scene) -> None:
    scene.fleet.call("POST", "pools/status", {"status": "draining", "pool_class": "c"})
    scene.has(endpoint("a", "10.0.0.1"))
    scene.watch()
    scene.until_pools(a="active")
    assert scene.fleet.assign("s") == [id_of("a")]
    scene.has(terminating("a", "10.0.0.1"))
    scene.until_pools(a="draining")
    assert scene.sessions() == 1
    scene.has()
    scene.until_pools()
    assert scene.sessions() == 0


def test_a_pod_beyond_its_grace_needs_no_new_event(scene: Scene, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "READ_SECONDS", float("inf"))
    scene.has(endpoint("a", "10.0.0.1"))
    scene.watch(grace_seconds=GRACE)
    scene.until_pools(a="active")
    scene.has()
    scene.until_pools(a="draining")
    clock.until_planned()
    clock.now += GRACE
    scene.until_pools()


def test_pools_of_others_are_never_touched(scene: Scene) -> None:
    entry = {"pool_id": id_of("a"), "pool_class": "c", "address": "mine:1", "labels": {"slta.source": "other"}}
    scene.fleet.call("POST", "pools", {"pools": [entry]})
    before = scene.pools()
    scene.has(endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2"))
    watching = scene.watch()
    scene.until_pools(b="active")
    until(lambda: watching.value("skipped_endpoints", reason="conflict") == 1)
    scene.has()
    scene.until_pools()
    assert scene.pools() == before


def test_classes_come_from_a_label_of_the_pods(scene: Scene) -> None:
    scene.has(endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2"))
    watching = scene.watch(selection=Selection({"svc-c": ""}), class_label="slta-class")
    until(lambda: watching.value("skipped_endpoints", reason="no_class") == 2)
    pod = {"metadata": {"name": "b", "uid": uid_of("b"), "labels": {"slta-class": "c"}}, "spec": {}}
    scene.api.put(pod, kind="pods")
    scene.until_pools(b="active")


# Pods that vanish


@pytest.fixture
def crowded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Watching:
    """Five slices of four pods, and 40 sessions on them. A plan is made all the time."""
    monkeypatch.setattr(pools, "READ_SECONDS", 0.0)
    scene.fleet.call("POST", "pools/status", {"status": "draining", "pool_class": "c"})
    scene.api.put(*SLICES)
    watching = scene.watch()
    scene.until_active(20)
    scene.fleet.assign(*(f"s-{number}" for number in range(40)))
    return watching


def test_slices_that_are_deleted_one_by_one_end_no_session(scene: Scene, clock: Clock, crowded: Watching) -> None:
    for left in (4, 3, 2, 1, 0):
        scene.api.delete(f"c-{left}")
        scene.until_active(4 * left)
        clock.now += 0.6
    scene.api.delete("c-aaaaa")
    until(lambda: crowded.value("services_without_slices") == 1)
    clock.now += 1000
    clock.until_planned()
    assert (scene.sessions(), set(scene.own_pools().values())) == (40, {"draining"})


def test_a_selector_that_is_wrong_for_8_s_ends_no_session(scene: Scene, clock: Clock, crowded: Watching) -> None:
    scene.api.put(*(slice_of(f"c-{number}", "svc-c", None) for number in range(5)))
    scene.until_active(0)
    assert crowded.value("guarded_pools", service="svc-c") == 20
    clock.now += 8
    scene.api.put(*SLICES)
    scene.until_active(20)
    assert (scene.sessions(), crowded.value("guarded_pools", service="svc-c")) == (40, 0)


def test_a_pod_that_is_seen_gone_has_no_session_at_once(scene: Scene, clock: Clock) -> None:
    scene.api.shows_pods = True
    scene.api.put({"metadata": {"name": "b", "uid": uid_of("b")}}, kind="pods")
    scene.has(endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2"))
    scene.watch()
    scene.until_pools(a="active", b="active")
    scene.has()
    scene.until_pools(b="draining")
    assert clock.now == 0


# What goes wrong at slta


def test_what_happened_while_slta_was_away_is_made_up_for(scene: Scene, between: ThreadedRelay) -> None:
    scene.has(endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2"))
    watching = scene.watch(between.url)
    scene.until_pools(a="active", b="active")
    between.go_away()
    scene.has(endpoint("b", "10.0.0.2"), endpoint("d", "10.0.0.4"))
    until(lambda: watching.value("calls_total", outcome="unreachable"))
    between.come_back()
    scene.until_pools(b="active", d="active")


def test_a_pool_that_somebody_removed_is_made_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "READ_SECONDS", 0.0)
    scene.has(endpoint("a", "10.0.0.1"))
    watching = scene.watch()
    scene.until_pools(a="active")
    assert scene.pools().keys() == {*OTHERS, id_of("a")}
    scene.fleet.call("POST", f"pools/{id_of('a')}/fail")
    scene.has()
    scene.until_pools()
    scene.has(endpoint("a", "10.0.0.1"))
    scene.until_pools(a="active")
    until(lambda: watching.value("changes_total", action="create") == 2)


# One acts


def test_one_watcher_acts_and_another_takes_over_when_it_stops(scene: Scene) -> None:
    first = scene.watch()
    until(lambda: first.is_leader)
    second = scene.watch()
    scene.has(endpoint("a", "10.0.0.1"))
    scene.until_pools(a="active")
    assert (second.is_leader, second.changes) == (False, 0)
    first.stop()
    scene.has(endpoint("b", "10.0.0.2"))
    scene.until_pools(b="active")
    assert second.is_leader


def test_a_watcher_that_acts_again_reads_what_another_changed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "READ_SECONDS", float("inf"))
    scene.has(endpoint("a", "10.0.0.1"))
    watching = scene.watch()
    scene.until_pools(a="active")
    scene.api.give_lease("another")
    until(lambda: not watching.is_leader)
    scene.fleet.call("DELETE", f"pools/{id_of('a')}")
    scene.api.give_lease(None)
    scene.until_pools(a="active")


def test_a_holder_that_cannot_renew_stops_to_act(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "DEADLINE_SECONDS", 0.5)
    watching = scene.watch()
    until(lambda: watching.is_leader and scene.api.streams)
    scene.api.token = "changed"
    until(lambda: not watching.is_leader)
    scene.has(endpoint("a", "10.0.0.1"))
    until(lambda: watching.value("event_age_seconds", kind="endpointslices") < 0.2)
    assert scene.own_pools() == {}
    scene.api.token = "first"
    scene.until_pools(a="active")
