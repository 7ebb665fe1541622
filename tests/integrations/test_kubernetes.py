"""`slta kubernetes` against a real dispatcher, and a stand-in for the API server that does what goes wrong there."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slta_integrations.kubernetes import api_server, election, lease, pools, reconciler, vanished, watcher
from slta_integrations.kubernetes.api_server import Access
from slta_integrations.kubernetes.desired_pools import Selection, pool_id
from testbed.awaiting import until
from testbed.certificates import certificate_in
from testbed.live_fleet import Fleet
from testbed.threaded_relay import ThreadedRelay
from tests.integrations.api_server import FakeApiServer, Object, endpoint, slice_of, terminating, uid_of
from tests.integrations.watching import SOURCE, Watching

OTHERS = {"c-1", "c-2", "c-3"}
"""Pools of the fleet that the watcher did not make."""
GRACE = 60.0
"""Seconds of the clock that a test moves."""


SLICES = [
    slice_of(f"c-{number}", "svc-c", [endpoint(f"p-{number}-{one}", f"10.0.{number}.{one}") for one in range(4)])
    for number in range(5)
]


@dataclass
class Scene:
    """The slice `c-aaaaa` of a Service, a fleet, and watchers."""

    api: FakeApiServer
    fleet: Fleet
    token: Path
    stack: ExitStack

    def has(self, *endpoints: Object) -> None:
        """In the slice."""
        self.api.put(slice_of("c-aaaaa", "svc-c", list(endpoints) or None))

    def watch(self, url: str | None = None, **options: Any) -> Watching:
        watching = Watching(self.api, url or self.fleet.service.url, self.fleet.name, self.token, **options).start()
        self.stack.callback(watching.stop)
        return watching

    def pools(self) -> dict[str, dict[str, Any]]:
        return {pool["pool_id"]: pool for pool in self.fleet.call("GET", "pools?limit=1000")["pools"]}

    def own_pools(self) -> dict[str, str]:
        """Status by id, of those that the watcher made."""
        found = self.pools().values()
        return {pool["pool_id"]: pool["status"] for pool in found if pool["labels"].get("slta.source") == SOURCE}

    def until_pools(self, **statuses: str) -> None:
        """The watcher's pools are these, by pod."""
        expected = {id_of(pod): status for pod, status in statuses.items()}
        until(lambda: self.own_pools() == expected)

    def until_active(self, count: int) -> None:
        """So many of the watcher's pools are active."""
        until(lambda: list(self.own_pools().values()).count("active") == count)

    def sessions(self) -> int:
        """Also those on draining pools."""
        return int(sum(self.fleet.call("GET", "state")["sessions"].values()))


def id_of(pod: str) -> str:
    return pool_id(pod, uid_of(pod))


@pytest.fixture
def scene(api: FakeApiServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Watchers try again soon."""
    for module, name in (
        (watcher, "FIRST_DELAY_SECONDS"),
        (watcher, "MAX_DELAY_SECONDS"),
        (watcher, "SETTLE_SECONDS"),
        (election, "RETRY_SECONDS"),
        (reconciler, "TICK_SECONDS"),
        (reconciler, "SPACING_SECONDS"),
        (reconciler, "FIRST_DELAY_SECONDS"),
        (reconciler, "MAX_DELAY_SECONDS"),
        (vanished, "VANISHED_SECONDS"),
    ):
        monkeypatch.setattr(module, name, 0.05)
    token = tmp_path / "token"
    token.write_text("first\n")
    with ExitStack() as stack:
        yield Scene(api, fleet, token, stack)


class Clock:
    """Stands for `time` where the watcher measures graces: it goes on when the test says so."""

    now = 0.0
    plans = 0
    """How often the watcher has asked for it, once a plan."""

    def until_planned(self) -> None:
        """A plan of what is there now was made."""
        plans = self.plans
        until(lambda: self.plans >= plans + 2)

    def monotonic(self) -> float:
        self.plans += 1
        return self.now


@pytest.fixture
def clock(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Of the scene, whose pods may be away for `GRACE`."""
    made = Clock()
    monkeypatch.setattr(reconciler, "time", made)
    monkeypatch.setattr(vanished, "VANISHED_SECONDS", GRACE)
    return made


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


def test_a_pod_that_is_not_ready_for_a_while_keeps_its_sessions(scene: Scene) -> None:
    scene.has(endpoint("a", "10.0.0.1"))
    scene.watch()
    scene.until_pools(a="active")
    scene.has(endpoint("a", "10.0.0.1", ready=False))
    scene.until_pools(a="draining")
    scene.has(endpoint("a", "10.0.0.1"))
    scene.until_pools(a="active")
    until(lambda: "slta.drained" not in scene.pools()[id_of("a")]["labels"])


def test_a_pod_that_does_not_return_within_its_grace_is_removed_without_another_event(
    scene: Scene, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "READ_SECONDS", float("inf"))
    scene.has(endpoint("a", "10.0.0.1"))
    scene.watch(grace_seconds=GRACE)
    scene.until_pools(a="active")
    scene.has()
    scene.until_pools(a="draining")
    clock.until_planned()
    clock.now += GRACE
    scene.until_pools()


def test_a_name_that_is_used_again_is_another_pool(scene: Scene) -> None:
    scene.has(endpoint("game-0", "10.0.0.1", uid="11111111-a"))
    scene.watch()
    until(lambda: scene.own_pools() == {"game-0.11111111": "active"})
    scene.has(endpoint("game-0", "10.0.0.2", uid="22222222-b"))
    until(lambda: scene.own_pools() == {"game-0.22222222": "active"})


def test_an_address_that_changes_is_changed_in_place(scene: Scene) -> None:
    scene.has(endpoint("a", "10.0.0.1"))
    scene.watch()
    scene.until_pools(a="active")
    scene.has(endpoint("a", "10.0.0.9"))
    until(lambda: scene.pools()[id_of("a")]["address"] == "10.0.0.9:7777")


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


def test_a_service_that_does_not_exist_ends_no_session(scene: Scene) -> None:
    scene.fleet.call("POST", "pools/status", {"status": "draining", "pool_class": "c"})
    scene.has(endpoint("a", "10.0.0.1"))
    watching = scene.watch()
    scene.until_pools(a="active")
    scene.fleet.assign("s")
    scene.api.delete("c-aaaaa")
    scene.until_pools(a="draining")
    until(lambda: (scene.sessions(), watching.value("services_without_slices")) == (1, 1))


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


# What goes wrong at the API server


def test_a_watch_that_is_cut_in_the_middle_of_a_line_is_resumed(scene: Scene) -> None:
    watching = scene.watch()
    scene.has(endpoint("a", "10.0.0.1"))
    scene.until_pools(a="active")
    scene.api.cut()
    scene.has(endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2"))
    scene.until_pools(a="active", b="active")
    until(lambda: watching.value("lists_total", kind="endpointslices") == 1)
    until(lambda: watching.value("watches_total", kind="endpointslices") == 2)


def test_after_410_everything_is_listed_anew(scene: Scene) -> None:
    watching = scene.watch()
    scene.has(endpoint("a", "10.0.0.1"))
    scene.until_pools(a="active")
    scene.api.restart_without_history(slice_of("c-bbbbb", "svc-c", [endpoint("b", "10.0.0.2")]))
    scene.until_pools(b="active")
    until(lambda: watching.value("lists_total", kind="endpointslices") == 2)


@pytest.mark.parametrize("status", [410, 500])
def test_a_watch_that_is_refused_ends_in_a_new_list(scene: Scene, status: int) -> None:
    def verbs() -> list[str]:
        return [verb for verb, resource, _ in scene.api.calls if resource == "endpointslices"]

    scene.watch()
    until(lambda: scene.api.streams)
    scene.api.refuses_watches = status
    scene.api.cut()
    until(lambda: verbs().count("list") >= 2)
    refused = verbs()[: verbs().index("list", 1)].count("watch") - 1
    assert refused == (1 if status == 410 else watcher.MAX_RESUMES)


def test_a_watch_that_is_refused_again_and_again_is_tried_twice_a_minute(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds: dict[float, float] = {}
    monkeypatch.setattr(watcher, "pause_seconds", lambda bound: bounds.setdefault(bound, 0.0))
    monkeypatch.setattr(watcher, "MAX_DELAY_SECONDS", 30.0)
    scene.api.refuses_watches = 410
    watching = scene.watch()
    until(lambda: 30.0 in bounds)
    assert watching.value("lists_total", kind="endpointslices") >= 2


def test_a_watch_that_is_silently_dead_is_resumed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_server, "WATCH_SECONDS", 1)
    monkeypatch.setattr(api_server, "DEAD_SECONDS", 1.2)
    watching = scene.watch()
    until(lambda: scene.api.streams)
    scene.api.silent.update(scene.api.streams)
    scene.has(endpoint("a", "10.0.0.1"))
    scene.until_pools(a="active")
    until(lambda: watching.value("watches_total", kind="endpointslices") >= 3)
    assert watching.value("lists_total", kind="endpointslices") == 1


def test_a_bookmark_is_where_the_next_watch_begins(scene: Scene) -> None:
    watching = scene.watch()
    until(lambda: watching.value("watches_total", kind="endpointslices") == 1 and scene.api.streams)
    scene.api.version, before = 5000, time.monotonic()
    scene.api.bookmark()
    scene.api.compact()
    until(lambda: watching.value("event_age_seconds", kind="endpointslices") < time.monotonic() - before)
    scene.api.cut(b"")
    until(lambda: watching.value("watches_total", kind="endpointslices") == 2)
    until(lambda: scene.api.queries[-1].get("resourceVersion") == "5000")
    until(lambda: watching.value("lists_total", kind="endpointslices") == 1)


def test_events_that_are_sent_again_in_another_order_change_nothing(scene: Scene) -> None:
    watching = scene.watch()
    scene.has(endpoint("a", "10.0.0.1"))
    scene.has(endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2"))
    scene.until_pools(a="active", b="active")
    done = watching.changes
    for index in (0, 1, 2, 1, 0):
        scene.api.send_again(index)
    scene.api.put(slice_of("c-bbbbb", "svc-c", [endpoint("d", "10.0.0.4")]))
    scene.until_pools(a="active", b="active", d="active")
    until(lambda: watching.changes == done + 1)


def test_a_pod_that_moves_between_two_slices_stays(scene: Scene) -> None:
    watching = scene.watch()
    scene.has(endpoint("a", "10.0.0.1"))
    scene.until_pools(a="active")
    scene.api.put(slice_of("c-bbbbb", "svc-c", [endpoint("a", "10.0.0.1")]))
    scene.api.put(slice_of("c-v6", "svc-c", [endpoint("a", "fd00::1"), endpoint("z", "fd00::2")], addressType="IPv6"))
    scene.api.delete("c-aaaaa")
    scene.api.put(slice_of("c-ccccc", "svc-c", [endpoint("e", "10.0.0.5")]))
    scene.until_pools(a="active", e="active")
    until(lambda: watching.changes == 2)


def test_while_the_watch_is_away_nothing_changes(scene: Scene, clock: Clock) -> None:
    scene.has(endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2"))
    watching = scene.watch(grace_seconds=GRACE)
    scene.until_pools(a="active", b="active")
    scene.has(endpoint("b", "10.0.0.2"))
    scene.until_pools(a="draining", b="active")
    scene.api.refuses_watches = 503
    scene.api.cut()
    until(lambda: watching.value("watches_total", kind="endpointslices") >= 3)
    clock.now += GRACE
    until(lambda: watching.value("watches_total", kind="endpointslices") >= 12)
    assert scene.own_pools() == {id_of("a"): "draining", id_of("b"): "active"}
    scene.api.refuses_watches = 0
    until(lambda: scene.api.streams)
    clock.until_planned()
    assert scene.own_pools() == {id_of("a"): "draining", id_of("b"): "active"}
    clock.now += GRACE
    scene.until_pools(b="active")


def test_a_list_of_many_slices_comes_in_pages(scene: Scene) -> None:
    scene.api.put(*(slice_of(f"c-{n}", "svc-c", [endpoint(f"p-{n}", f"10.0.1.{n}")]) for n in range(150)))
    scene.watch()
    until(lambda: len(scene.own_pools()) == 150)


def test_the_token_is_read_at_each_call(scene: Scene) -> None:
    scene.watch()
    until(lambda: scene.api.streams)
    scene.token.write_text("second\n")
    scene.api.token = "second"
    scene.api.cut()
    scene.has(endpoint("a", "10.0.0.1"))
    scene.until_pools(a="active")


def test_the_api_server_is_reached_by_tls_and_its_own_ca(scene: Scene, tmp_path: Path) -> None:
    certificate, key = certificate_in(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    with FakeApiServer(tls=tls) as api:
        api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
        access = Access(api.url, scene.token, certificate)
        with Watching(api, scene.fleet.service.url, scene.fleet.name, scene.token, access=access):
            scene.until_pools(a="active")


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


def test_another_takes_over_from_one_that_died_when_its_lease_is_over(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LEASE_SECONDS", 0.6)
    monkeypatch.setattr(lease, "DEADLINE_SECONDS", 0.4)
    first = scene.watch()
    until(lambda: first.is_leader)
    second = scene.watch()
    first.kill()
    holder = scene.api.lease["spec"]["holderIdentity"]
    scene.has(endpoint("a", "10.0.0.1"))
    scene.until_pools(a="active")
    assert second.is_leader
    assert holder not in {None, scene.api.lease["spec"]["holderIdentity"]}
    assert scene.api.lease["spec"]["leaseTransitions"] == 1


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
