"""`slta kubernetes` while watches, lists and calls of the API server go wrong."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import pytest

from slta_integrations.kubernetes import api_server, watcher
from slta_integrations.kubernetes.api_server import Access, ApiServer, Kind, RefusedError
from testbed.awaiting import until
from testbed.certificates import certificate_in
from tests.integrations.api_server import FakeApiServer, endpoint, slice_of
from tests.integrations.kubernetes_scene import GRACE, Clock, Scene, id_of
from tests.integrations.watching import Watching


@pytest.mark.parametrize(
    ("plural", "told"), [("pods", "403 to GET {}: pods is forbidden"), ("nodes", "404 to GET {}: 404: Not Found")]
)
async def test_a_refusal_is_told_by_the_message_of_its_status(scene: Scene, plural: str, told: str) -> None:
    async with ApiServer(Access(scene.api.url, scene.token)) as client:
        with pytest.raises(RefusedError) as raised:
            await client.list(Kind("/api/v1", plural, ""), "games")
    assert str(raised.value) == told.format(f"/api/v1/namespaces/games/{plural}")


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


def test_a_watch_that_is_refused_often_is_tried_twice_a_minute(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
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
