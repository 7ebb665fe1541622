"""`slta serve` and its store: which it takes, what it says of it, and one store for two of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from slta.store.embedded.server import EmbeddedStore
from slta.store.fleets import FLEETS_KEY
from slta.store.library import LAYOUT
from testbed.awaiting import DEADLINE_SECONDS, until
from testbed.servers import EMBEDDED, own_server
from testbed.service_process import ServiceProcess, assign, serving, where


@pytest.mark.slow
def test_two_services_on_one_store_are_one_dispatcher(tmp_path: Path, fleet_file: Path) -> None:
    with EmbeddedStore(tmp_path / "data") as store:
        shared = ["--store-url", store.url, str(fleet_file)]
        with serving(tmp_path, *shared) as (_, one), serving(tmp_path, *shared) as (_, other):
            placed = [assign((one, other)[k % 2], f"s-{k}").json()["pool_id"] for k in range(20)]
            assert [where((other, one)[k % 2], f"s-{k}") for k in range(20)] == placed
            assert assign(other, "s-0").json()["replayed"]
            assert other.post("/v1/fleets/f/complete", json={"session_id": "s-0"}).json()["outcome"] == "completed"
            assert one.post("/v1/fleets/f/complete", json={"session_id": "s-0"}).json()["outcome"] == "already_ended"
            states = [client.get("/v1/fleets/f/state").json() for client in (one, other)]
            assert {state["sessions"]["active"] for state in states} == {19}
            assert len({state["estimate_rank"] for state in states}) == 1


@pytest.mark.slow
def test_without_its_store_it_lives_and_gets_ready_when_the_store_does(tmp_path: Path, fleet_file: Path) -> None:
    store = EmbeddedStore(tmp_path / "data")
    store.start()
    url = store.url
    store.stop()
    with serving(tmp_path, "--store-url", url, str(fleet_file)) as (service, client):
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        assert assign(client, "s-1").json()["code"] == "store_unavailable"
        with store:
            until(lambda: service.events("fleet_file_applied"))
            assert assign(client, "s-1").status_code == 201


@pytest.mark.slow
def test_one_that_turns_out_to_be_so_only_later_ends_it_then(tmp_path: Path) -> None:
    with own_server(EMBEDDED) as store, store.client() as admin:
        admin.config_set("appendonly", "no")
        store.freeze()
        service = ServiceProcess(tmp_path, "--store-url", store.url, needs_store=False).start()
        try:
            with service.client() as client:
                assert client.get("/readyz").json() == {"status": "unavailable"}
        finally:
            store.thaw()
        assert service.wait() == 2
        assert service.output.splitlines()[-1].startswith("slta: the store has no append-only file")


def test_a_store_that_syncs_later_than_it_answers_is_not_taken_for_fsync(tmp_path: Path) -> None:
    with own_server(EMBEDDED) as store:
        options = "--store-url", store.url, "--log-level", "error"
        service = ServiceProcess(tmp_path, *options, settings={"SLTA_DURABILITY": "fsync"}).launch()
        assert service.wait() == 2
        assert (
            service.output
            == "slta: the store has appendfsync everysec, which does not sync each write: set it to always\n"
        )


@pytest.mark.slow
def test_its_own_store_syncs_each_write_for_fsync(tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, *options, SLTA_DURABILITY="fsync") as (_, client):
        until(lambda: client.get("/readyz").json() == {"status": "ready"})
        assert assign(client, "s-1").status_code == 201
        [socket] = [path for path in (tmp_path / "data").rglob("*") if path.is_socket()]
        with Redis(unix_socket_path=str(socket), decode_responses=True) as admin:
            assert admin.config_get("appendfsync") == {"appendfsync": "always"}


@pytest.mark.slow
def test_a_store_that_went_back_gets_back_what_it_had_acknowledged(tmp_path: Path, fleet_file: Path) -> None:
    with (
        own_server(EMBEDDED) as store,
        store.client() as admin,
        serving(tmp_path, "--store-url", store.url, str(fleet_file)) as (service, client),
    ):
        fleet = str(client.get("/v1/fleets").json()["fleets"][0])
        until(lambda: client.get(f"/v1/fleets/{fleet}/state").json()["time"] > 2)  # some ticks have told the epoch
        image = {key: admin.dump(key) for key in admin.scan_iter(count=1000)}
        placed = [assign(client, f"s-{k}").json()["pool_id"] for k in range(5)]
        assert client.get(f"/v1/fleets/{fleet}/state").json()["went_back_seconds"] is None
        with admin.pipeline(transaction=True) as restoring:
            restoring.flushall()
            for key, dumped in image.items():
                restoring.restore(key, 0, dumped)
            restoring.execute()
        until(lambda: service.events("store_went_back"))
        assert service.events("store_went_back")[0]["replayed"] == 5
        assert [client.get(f"/v1/fleets/{fleet}/sessions/s-{k}").json()["pool_id"] for k in range(5)] == placed
        assert client.get(f"/v1/fleets/{fleet}/state").json()["went_back_seconds"] < DEADLINE_SECONDS


@pytest.mark.slow
def test_a_fleet_of_another_layout_that_appears_later_makes_the_dispatcher_unready(tmp_path: Path) -> None:
    with (
        own_server(EMBEDDED) as store,
        store.client() as redis,
        serving(tmp_path, "--store-url", store.url) as (_, client),
    ):
        until(lambda: client.get("/readyz").status_code == 200)
        redis.hset("{tiny}:fleet", "now", f"{LAYOUT + 1} 0")
        redis.sadd(FLEETS_KEY, "tiny")
        until(lambda: client.get("/readyz").status_code == 503)
        assert client.get("/readyz").json() == {
            "status": f"fleet tiny is stored in layout {LAYOUT + 1}, and this version uses layout {LAYOUT}: "
            "use the version that wrote it, or delete its data"
        }
        redis.srem(FLEETS_KEY, "tiny")
        until(lambda: client.get("/readyz").status_code == 200)
