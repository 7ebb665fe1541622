"""`slta kubernetes` against a real dispatcher, and a stand-in for the API server that does what goes wrong there."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from slta_integrations.kubernetes import election, lease, pools, reconciler, watcher
from slta_integrations.kubernetes.api_server import Access
from slta_integrations.kubernetes.wanted import Selection, pool_id
from tests.awaiting import until
from tests.certificates import certificate_in
from tests.integrations.api_server import FakeApiServer, endpoint, slice_of, terminating, uid_of
from tests.integrations.threaded_relay import ThreadedRelay
from tests.integrations.watching import SOURCE, Watching
from tests.live_fleet import Fleet

NewWatcher = Callable[..., Watching]
OTHERS = {"c-1", "c-2", "c-3"}
"""Pools of the fleet that the watcher did not make."""
GRACE = 60.0
"""Seconds of the clock that a test moves."""


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("first\n")
    return file


@pytest.fixture
def new_watcher(api: FakeApiServer, fleet: Fleet, token: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NewWatcher]:
    """Starts watchers of this fleet; they try again soon."""
    for module, name in (
        (watcher, "FIRST_DELAY_SECONDS"),
        (watcher, "MAX_DELAY_SECONDS"),
        (watcher, "SETTLE_SECONDS"),
        (election, "RETRY_SECONDS"),
        (reconciler, "TICK_SECONDS"),
        (reconciler, "SPACING_SECONDS"),
        (reconciler, "FIRST_DELAY_SECONDS"),
        (reconciler, "MAX_DELAY_SECONDS"),
    ):
        monkeypatch.setattr(module, name, 0.05)
    with ExitStack() as stack:

        def new(url: str | None = None, **options: Any) -> Watching:
            watching = Watching(api, url or fleet.service.url, fleet.name, token, **options)
            stack.callback(watching.stop)
            return watching

        yield new


class Clock:
    """Stands for `time` where the watcher measures graces: it goes on when the test says so."""

    now = 0.0
    plans = 0
    """How often the watcher has asked for it, once a plan."""

    def monotonic(self) -> float:
        self.plans += 1
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(reconciler, "time", made)
    return made


def id_of(pod: str) -> str:
    return pool_id(pod, uid_of(pod))


def all_pools(fleet: Fleet) -> dict[str, dict[str, Any]]:
    return {pool["pool_id"]: pool for pool in fleet.call("GET", "pools?limit=1000")["pools"]}


def own_pools(fleet: Fleet) -> dict[str, str]:
    """Status by id, of those that the watcher made."""
    found = all_pools(fleet).values()
    return {pool["pool_id"]: pool["status"] for pool in found if pool["labels"].get("slta.source") == SOURCE}


def until_pools(fleet: Fleet, **statuses: str) -> None:
    """The watcher's pools are these, by pod with `_` for `-`."""
    wanted = {id_of(pod.replace("_", "-")): status for pod, status in statuses.items()}
    until(lambda: own_pools(fleet) == wanted)


def live_sessions(fleet: Fleet) -> int:
    """Also those on draining pools."""
    return int(sum(fleet.call("GET", "state")["sessions"].values()))


# What pods become


def test_ready_pods_become_pools_with_their_addresses(
    api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher
) -> None:
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2", ready=False)]))
    new_watcher()
    until_pools(fleet, a="active")
    pool = all_pools(fleet)[id_of("a")]
    assert (pool["pool_class"], pool["address"]) == ("c", "10.0.0.1:7777")
    assert pool["labels"] == {"slta.source": SOURCE, "slta.service": "svc-c"}
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2")]))
    until_pools(fleet, a="active", b="active")


def test_a_pod_that_ends_is_drained_then_failed_and_removed(
    api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher
) -> None:
    fleet.call("POST", "pools/status", {"status": "draining", "pool_class": "c"})
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    new_watcher()
    until_pools(fleet, a="active")
    assert fleet.assign("s") == [id_of("a")]
    api.put(slice_of("c-aaaaa", "svc-c", [terminating("a", "10.0.0.1")]))
    until_pools(fleet, a="draining")
    assert live_sessions(fleet) == 1
    api.put(slice_of("c-aaaaa", "svc-c", None))
    until_pools(fleet)
    assert live_sessions(fleet) == 0


def test_a_pod_that_is_not_ready_for_a_while_keeps_its_sessions(
    api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher
) -> None:
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    new_watcher()
    until_pools(fleet, a="active")
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1", ready=False)]))
    until_pools(fleet, a="draining")
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    until_pools(fleet, a="active")
    until(lambda: "slta.drained" not in all_pools(fleet)[id_of("a")]["labels"])


def test_a_pod_that_does_not_return_within_its_grace_is_removed_without_another_event(
    api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "READ_SECONDS", float("inf"))
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    new_watcher(grace_seconds=GRACE)
    until_pools(fleet, a="active")
    api.put(slice_of("c-aaaaa", "svc-c", None))
    until_pools(fleet, a="draining")
    plans = clock.plans
    until(lambda: clock.plans >= plans + 2)
    clock.now += GRACE
    until_pools(fleet)


def test_a_name_that_is_used_again_is_another_pool(api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher) -> None:
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("game-0", "10.0.0.1", uid="11111111-a")]))
    new_watcher()
    until(lambda: own_pools(fleet) == {"game-0.11111111": "active"})
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("game-0", "10.0.0.2", uid="22222222-b")]))
    until(lambda: own_pools(fleet) == {"game-0.22222222": "active"})


def test_an_address_that_changes_is_changed_in_place(api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher) -> None:
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    new_watcher()
    until_pools(fleet, a="active")
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.9")]))
    until(lambda: all_pools(fleet)[id_of("a")]["address"] == "10.0.0.9:7777")


def test_pools_of_others_are_never_touched(api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher) -> None:
    entry = {"pool_id": id_of("a"), "pool_class": "c", "address": "mine:1", "labels": {"slta.source": "other"}}
    fleet.call("POST", "pools", {"pools": [entry]})
    before = all_pools(fleet)
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2")]))
    watching = new_watcher()
    until_pools(fleet, b="active")
    until(lambda: watching.value("skipped_endpoints", reason="conflict") == 1)
    api.put(slice_of("c-aaaaa", "svc-c", None))
    until_pools(fleet)
    assert all_pools(fleet) == before


def test_classes_come_from_a_label_of_the_pods(api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher) -> None:
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2")]))
    watching = new_watcher(selection=Selection({"svc-c": ""}), class_label="slta-class")
    until(lambda: watching.value("skipped_endpoints", reason="no_class") == 2)
    pod = {"metadata": {"name": "b", "uid": uid_of("b"), "labels": {"slta-class": "c"}}, "spec": {}}
    api.put(pod, kind="pods")
    until_pools(fleet, b="active")


def test_a_service_that_does_not_exist_ends_no_session(
    api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher
) -> None:
    fleet.call("POST", "pools/status", {"status": "draining", "pool_class": "c"})
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    watching = new_watcher()
    until_pools(fleet, a="active")
    fleet.assign("s")
    api.delete("c-aaaaa")
    until_pools(fleet, a="draining")
    until(lambda: (live_sessions(fleet), watching.value("services_without_slices")) == (1, 1))


# What goes wrong at the API server


def test_a_watch_that_is_cut_in_the_middle_of_a_line_is_resumed(
    api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher
) -> None:
    watching = new_watcher()
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    until_pools(fleet, a="active")
    api.cut()
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2")]))
    until_pools(fleet, a="active", b="active")
    until(lambda: watching.value("lists_total", kind="endpointslices") == 1)
    until(lambda: watching.value("watches_total", kind="endpointslices") == 2)


def test_after_410_everything_is_listed_anew(api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher) -> None:
    watching = new_watcher()
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    until_pools(fleet, a="active")
    api.restart_without_history(slice_of("c-bbbbb", "svc-c", [endpoint("b", "10.0.0.2")]))
    until_pools(fleet, b="active")
    until(lambda: watching.value("lists_total", kind="endpointslices") == 2)


@pytest.mark.parametrize("status", [410, 500])
def test_a_watch_that_is_refused_ends_in_a_new_list(api: FakeApiServer, new_watcher: NewWatcher, status: int) -> None:
    def verbs() -> list[str]:
        return [verb for verb, resource, _ in api.calls if resource == "endpointslices"]

    new_watcher()
    until(lambda: api.streams)
    api.refuses_watches = status
    api.cut()
    until(lambda: verbs().count("list") >= 2)
    refused = verbs()[: verbs().index("list", 1)].count("watch") - 1
    assert refused == (1 if status == 410 else watcher.MAX_RESUMES)


def test_a_bookmark_is_where_the_next_watch_begins(api: FakeApiServer, new_watcher: NewWatcher) -> None:
    watching = new_watcher()
    until(lambda: watching.value("watches_total", kind="endpointslices") == 1 and api.streams)
    api.version, before = 5000, time.monotonic()
    api.bookmark()
    api.compact()
    until(lambda: watching.value("event_age_seconds", kind="endpointslices") < time.monotonic() - before)
    api.cut(b"")
    until(lambda: watching.value("watches_total", kind="endpointslices") == 2)
    until(lambda: api.queries[-1].get("resourceVersion") == "5000")
    until(lambda: watching.value("lists_total", kind="endpointslices") == 1)


def test_events_that_are_sent_again_in_another_order_change_nothing(
    api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher
) -> None:
    watching = new_watcher()
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2")]))
    until_pools(fleet, a="active", b="active")
    done = watching.changes
    for index in (0, 1, 2, 1, 0):
        api.send_again(index)
    api.put(slice_of("c-bbbbb", "svc-c", [endpoint("d", "10.0.0.4")]))
    until_pools(fleet, a="active", b="active", d="active")
    until(lambda: watching.changes == done + 1)


def test_a_pod_that_moves_between_two_slices_stays(api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher) -> None:
    watching = new_watcher()
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    until_pools(fleet, a="active")
    api.put(slice_of("c-bbbbb", "svc-c", [endpoint("a", "10.0.0.1")]))
    api.put(slice_of("c-v6", "svc-c", [endpoint("a", "fd00::1"), endpoint("z", "fd00::2")], addressType="IPv6"))
    api.delete("c-aaaaa")
    api.put(slice_of("c-ccccc", "svc-c", [endpoint("e", "10.0.0.5")]))
    until_pools(fleet, a="active", e="active")
    until(lambda: watching.changes == 2)


def test_while_the_watch_is_away_nothing_changes(
    api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher, clock: Clock
) -> None:
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2")]))
    watching = new_watcher(grace_seconds=GRACE)
    until_pools(fleet, a="active", b="active")
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("b", "10.0.0.2")]))
    until_pools(fleet, a="draining", b="active")
    api.refuses_watches = 503
    api.cut()
    until(lambda: watching.value("watches_total", kind="endpointslices") >= 3)
    clock.now += GRACE
    until(lambda: watching.value("watches_total", kind="endpointslices") >= 12)
    assert own_pools(fleet) == {id_of("a"): "draining", id_of("b"): "active"}
    api.refuses_watches = 0
    until_pools(fleet, b="active")


def test_a_list_of_many_slices_comes_in_pages(api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher) -> None:
    api.put(*(slice_of(f"c-{n}", "svc-c", [endpoint(f"p-{n}", f"10.0.1.{n}")]) for n in range(150)))
    new_watcher()
    until(lambda: len(own_pools(fleet)) == 150)


def test_the_token_is_read_at_each_call(api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher, token: Path) -> None:
    new_watcher()
    until(lambda: api.streams)
    token.write_text("second\n")
    api.token = "second"
    api.cut()
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    until_pools(fleet, a="active")


def test_the_api_server_is_reached_by_tls_and_its_own_ca(fleet: Fleet, token: Path, tmp_path: Path) -> None:
    certificate, key = certificate_in(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    with FakeApiServer(tls=tls).running() as api:
        api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
        access = Access(api.url, token, certificate)
        with Watching(api, fleet.service.url, fleet.name, token, access=access):
            until_pools(fleet, a="active")


# What goes wrong at slta


def test_what_happened_while_slta_was_away_is_made_up_for(
    api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher, between: ThreadedRelay
) -> None:
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2")]))
    watching = new_watcher(between.url)
    until_pools(fleet, a="active", b="active")
    between.go_away()
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("b", "10.0.0.2"), endpoint("d", "10.0.0.4")]))
    until(lambda: watching.value("calls_total", status="connection_failed"))
    between.come_back()
    until_pools(fleet, b="active", d="active")


def test_a_pool_that_somebody_removed_is_made_again(
    api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "READ_SECONDS", 0.0)
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    watching = new_watcher()
    until_pools(fleet, a="active")
    assert all_pools(fleet).keys() == {*OTHERS, id_of("a")}
    fleet.call("POST", f"pools/{id_of('a')}/fail")
    api.put(slice_of("c-aaaaa", "svc-c", None))
    until_pools(fleet)
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    until_pools(fleet, a="active")
    until(lambda: watching.value("changes_total", action="create") == 2)


# One acts


def test_one_watcher_acts_and_another_takes_over_when_it_stops(
    api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher
) -> None:
    first = new_watcher()
    until(lambda: first.is_leader)
    second = new_watcher()
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    until_pools(fleet, a="active")
    assert (second.is_leader, second.changes) == (False, 0)
    first.stop()
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("b", "10.0.0.2")]))
    until_pools(fleet, b="active")
    assert second.is_leader


def test_another_takes_over_from_one_that_died_when_its_lease_is_over(
    api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LEASE_SECONDS", 0.6)
    monkeypatch.setattr(lease, "DEADLINE_SECONDS", 0.4)
    first = new_watcher()
    until(lambda: first.is_leader)
    second = new_watcher()
    first.kill()
    holder = api.lease["spec"]["holderIdentity"]
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    until_pools(fleet, a="active")
    assert second.is_leader
    assert holder not in {None, api.lease["spec"]["holderIdentity"]}
    assert api.lease["spec"]["leaseTransitions"] == 1


def test_a_watcher_that_acts_again_reads_what_another_changed(
    api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "READ_SECONDS", float("inf"))
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    watching = new_watcher()
    until_pools(fleet, a="active")
    api.give_lease("another")
    until(lambda: not watching.is_leader)
    fleet.call("DELETE", f"pools/{id_of('a')}")
    api.give_lease(None)
    until_pools(fleet, a="active")


def test_a_holder_that_cannot_renew_stops_to_act(
    api: FakeApiServer, fleet: Fleet, new_watcher: NewWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "DEADLINE_SECONDS", 0.5)
    watching = new_watcher()
    until(lambda: watching.is_leader and api.streams)
    api.token = "changed"
    until(lambda: not watching.is_leader)
    api.put(slice_of("c-aaaaa", "svc-c", [endpoint("a", "10.0.0.1")]))
    until(lambda: watching.value("event_age_seconds", kind="endpointslices") < 0.2)
    assert own_pools(fleet) == {}
    api.token = "first"
    until_pools(fleet, a="active")
