"""`slta serve` as a process: what was placed is there whatever happened, and two on one store are one dispatcher."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from redis import Redis

from service.store.embedded import EmbeddedStore
from tests.servers import EMBEDDED, own_server

DEADLINE_SECONDS = 60.0

FLEET = """
fleet: f
classes:
  - {name: small, utility: {kind: log_share, resource: 20}, capacity: 60, pools: 3}
  - {name: large, utility: {kind: log_share, resource: 30}, capacity: 90, pools: 3}
"""


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the awaited did not happen"
        time.sleep(0.02)


class Serving:
    """One `slta serve` process."""

    environment: Mapping[str, str] = {}
    program: tuple[str, ...] = ("-m", "service.cli", "serve", "--port", "0", "--log-format", "json")

    def __init__(self, folder: Path, *options: str) -> None:
        self._log = folder / f"serve-{time.monotonic_ns()}.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SLTA_")}
        environment |= self.environment
        environment |= {} if "--keys-file" in options else {"SLTA_AUTH": "off"}
        command = [sys.executable, *self.program, *options]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def events(self, name: str) -> list[dict[str, object]]:
        lines = self._log.read_text().splitlines()
        return [event for event in map(json.loads, lines) if event["event"] == name]

    @property
    def log(self) -> str:
        return self._log.read_text()

    def client(self) -> httpx.Client:
        until(lambda: self.events("listening") or self.process.poll() is not None)
        assert self.process.poll() is None, self.log
        return httpx.Client(base_url=str(self.events("listening")[0]["url"]), timeout=10)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_SECONDS)


@contextmanager
def serving(folder: Path, *options: str, kind: type[Serving] = Serving) -> Iterator[tuple[Serving, httpx.Client]]:
    service = kind(folder, *options)
    try:
        with service.client() as client:
            yield service, client
    finally:
        if service.process.poll() is None:
            service.end()


@pytest.fixture
def fleet_file(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET)
    return path


@pytest.fixture
def options(tmp_path: Path, fleet_file: Path) -> list[str]:
    return ["--data-dir", str(tmp_path / "data"), "--config", str(fleet_file)]


def assign(client: httpx.Client, session_id: str) -> httpx.Response:
    return client.post("/v1/fleets/f/assign", json={"session_id": session_id})


def where(client: httpx.Client, session_id: str) -> str:
    return str(client.get(f"/v1/fleets/f/sessions/{session_id}").json()["pool_id"])


def test_a_fleet_file_is_all_it_needs(tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, *options) as (service, client):
        assert client.get("/readyz").json() == {"status": "ready"}
        assert assign(client, "s-1").status_code == 201
        assert "slta_" in client.get("/metrics").text
        assert client.get("/docs").status_code == 200
        assert client.get("/").headers["content-type"].startswith("text/html")
        assert "server" not in client.get("/healthz").headers
        assert service.end() == 0
        assert service.events("stopped")


def test_sessions_outlive_a_clean_stop(tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, *options) as (_, client):
        pool = assign(client, "s-1").json()["pool_id"]
    with serving(tmp_path, *options) as (_, client):
        assert where(client, "s-1") == pool
        again = assign(client, "s-1")
        assert (again.status_code, again.json()["pool_id"], again.json()["replayed"]) == (200, pool, True)


def test_sessions_outlive_a_kill_of_the_service(tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, *options) as (service, client):
        pools = {f"s-{k}": assign(client, f"s-{k}").json()["pool_id"] for k in range(50)}
        service.process.kill()
        service.process.wait()
    with serving(tmp_path, *options) as (_, client):
        assert {session: where(client, session) for session in pools} == pools


def test_sessions_outlive_a_kill_of_the_valkey_under_a_running_service(tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, *options) as (service, client):
        pools = {f"s-{k}": assign(client, f"s-{k}").json()["pool_id"] for k in range(50)}
        os.kill(int(str(service.events("embedded_store_ready")[0]["pid"])), signal.SIGKILL)
        until(lambda: service.events("embedded_store_restarted"))
        until(lambda: client.get("/v1/fleets/f/sessions/s-0").status_code == 200)
        until(lambda: client.get("/readyz").status_code == 200)
        assert client.get("/healthz").status_code == 200
        assert {session: where(client, session) for session in pools} == pools
        until(lambda: assign(client, "s-50").status_code in (200, 201))


def test_a_second_service_on_the_same_folder_is_told_why_not(tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, *options):
        second = Serving(tmp_path, *options)
        assert second.process.wait(DEADLINE_SECONDS) == 2
        assert second.log.startswith("slta: the data folder")
        assert "--store-url" in second.log


def test_two_services_on_one_store_are_one_dispatcher(tmp_path: Path, fleet_file: Path) -> None:
    with EmbeddedStore(tmp_path / "data") as store:
        shared = ["--store-url", store.url, "--config", str(fleet_file)]
        with serving(tmp_path, *shared) as (_, one), serving(tmp_path, *shared) as (_, other):
            placed = [assign((one, other)[k % 2], f"s-{k}").json()["pool_id"] for k in range(20)]
            assert [where((other, one)[k % 2], f"s-{k}") for k in range(20)] == placed
            assert assign(other, "s-0").json()["replayed"]
            assert other.post("/v1/fleets/f/complete", json={"session_id": "s-0"}).json()["outcome"] == "completed"
            again = one.post("/v1/fleets/f/complete", json={"session_id": "s-0"}).json()
            assert again["outcome"] == "already_ended"
            states = [client.get("/v1/fleets/f/state").json() for client in (one, other)]
            assert {state["sessions"]["active"] for state in states} == {19}
            assert len({state["estimate_rank"] for state in states}) == 1


def test_a_lease_ends_a_session_though_no_client_calls(tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, *options) as (_, client):
        client.post("/v1/fleets/f/assign", json={"session_id": "s-1", "lease_seconds": 0.2})
        until(lambda: client.get("/v1/fleets/f/state").json()["counters"]["expired"] == 1)
        assert client.get("/v1/fleets/f/state").json()["sessions"]["active"] == 0


def test_the_fleet_file_is_applied_again_only_when_it_has_changed(
    tmp_path: Path, options: list[str], fleet_file: Path
) -> None:
    with serving(tmp_path, *options) as (_, client):
        fleet = client.get("/v1/fleets/f").json()
        changed = client.put("/v1/fleets/f", json=fleet | {"policy": "jlmu"})
        assert changed.status_code == 200
        client.post("/v1/fleets/f/pools/small-1/drain")
    with serving(tmp_path, *options) as (service, client):
        assert service.events("fleet_file_already_applied")
        assert client.get("/v1/fleets/f").json()["policy"] == "jlmu"
    fleet_file.write_text(FLEET.replace("capacity: 60", "capacity: 61"))
    with serving(tmp_path, *options) as (_, client):
        assert client.get("/v1/fleets/f").json()["policy"] == "slta"
        assert client.get("/v1/fleets/f/pools/small-1").json()["status"] == "draining"


def test_without_its_store_it_lives_and_gets_ready_when_the_store_does(tmp_path: Path, fleet_file: Path) -> None:
    store = EmbeddedStore(tmp_path / "data")
    store.start()
    url = store.url
    store.stop()
    with serving(tmp_path, "--store-url", url, "--config", str(fleet_file)) as (service, client):
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        assert assign(client, "s-1").json()["code"] == "store_unavailable"
        with store:
            until(lambda: service.events("fleet_file_applied"))
            assert assign(client, "s-1").status_code == 201


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "slta: 0.0.0.0 can be reached from other machines"),  # noqa: S104 - it is refused
        (["--keys-file", "nowhere.yaml"], "slta: nowhere.yaml: No such file or directory"),
        (["--config", "nowhere.yaml"], "slta: nowhere.yaml: No such file or directory"),
        (["--store-binary", "no-such-server"], "slta: no-such-server is not a program"),
        (["--host", "192.0.2.1", "--keys-file", "{keys}"], "slta: cannot listen on 192.0.2.1, port 0"),
        (["--store-url", "redis://h:port"], "slta: store_url has a port that is not a number from 1 to 65535"),
        (["--store-url", "http://h"], "slta: store_url must begin with redis://"),
        (["--store-url", "redis://[h"], "slta: store_url has a host that is none"),
        (["--store-url", "redis://ann:s3cret@h"], "slta: --store-url shows its password in the list of processes"),
    ],
)
def test_what_the_user_can_put_right_is_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys.yaml"
    keys.write_text("keys: []\n")
    given = [argument.format(keys=keys) for argument in arguments]
    service = Serving(tmp_path, "--data-dir", str(tmp_path / "data"), "--log-level", "error", *given)
    assert service.process.wait(DEADLINE_SECONDS) == 2
    [line] = service.log.splitlines()
    assert line.startswith(message)


def test_a_store_that_cannot_be_relied_on_ends_it_with_one_line(tmp_path: Path, fleet_file: Path) -> None:
    with own_server(EMBEDDED, "--maxmemory-policy", "allkeys-lru") as store:
        service = Serving(tmp_path, "--store-url", store.url, "--config", str(fleet_file), "--log-level", "error")
        assert service.process.wait(DEADLINE_SECONDS) == 2
        assert service.log == (
            "slta: the store throws keys away when its memory is full (allkeys-lru): "
            "set its maxmemory-policy to noeviction\n"
        )


def test_one_that_turns_out_to_be_so_only_later_ends_it_then(tmp_path: Path) -> None:
    with own_server(EMBEDDED) as store, store.client() as admin:
        admin.config_set("appendonly", "no")
        store.freeze()
        service = Serving(tmp_path, "--store-url", store.url)
        try:
            with service.client() as client:
                assert client.get("/readyz").json() == {"status": "unavailable"}
        finally:
            store.thaw()
        assert service.process.wait(DEADLINE_SECONDS) == 2
        assert service.log.splitlines()[-1].startswith("slta: the store has no append-only file")


def test_a_store_without_an_append_only_file_is_taken_when_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_server(EMBEDDED) as store, store.client() as admin:
        admin.config_set("appendonly", "no")
        monkeypatch.setattr(Serving, "environment", {"SLTA_STORE_VOLATILE": "allow"})
        with serving(tmp_path, "--store-url", store.url) as (_, client):
            assert client.get("/readyz").status_code == 200


def test_a_store_that_syncs_later_than_it_answers_is_not_taken_for_fsync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Serving, "environment", {"SLTA_DURABILITY": "fsync"})
    with own_server(EMBEDDED) as store:
        service = Serving(tmp_path, "--store-url", store.url, "--log-level", "error")
        assert service.process.wait(DEADLINE_SECONDS) == 2
        assert service.log == "slta: the store syncs everysec and not each write: set its appendfsync to always\n"


def test_its_own_store_syncs_each_write_for_fsync(
    tmp_path: Path, options: list[str], fleet_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Serving, "environment", {"SLTA_DURABILITY": "fsync"})
    with serving(tmp_path, *options, "--config", str(fleet_file)) as (_, client):
        until(lambda: client.get("/readyz").json() == {"status": "ready"})
        assert assign(client, "s-1").status_code == 201
        [socket] = [path for path in (tmp_path / "data").rglob("*") if path.is_socket()]
        with Redis(unix_socket_path=str(socket), decode_responses=True) as admin:
            assert admin.config_get("appendfsync") == {"appendfsync": "always"}


def test_a_store_that_went_back_is_noticed_and_gets_back_what_it_had_acknowledged(
    tmp_path: Path, fleet_file: Path
) -> None:
    with (
        own_server(EMBEDDED) as store,
        store.client() as admin,
        serving(tmp_path, "--store-url", store.url, "--config", str(fleet_file)) as (service, client),
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
        assert service.events("store_went_back")[0]["put_back"] == 5
        found = [client.get(f"/v1/fleets/{fleet}/sessions/s-{k}").json()["pool_id"] for k in range(5)]
        assert found == placed
        assert client.get(f"/v1/fleets/{fleet}/state").json()["went_back_seconds"] < DEADLINE_SECONDS


def test_it_says_that_its_store_is_a_replica_while_it_is_one(tmp_path: Path, fleet_file: Path) -> None:
    with (
        own_server(EMBEDDED) as store,
        store.client() as admin,
        serving(tmp_path, "--store-url", store.url, "--config", str(fleet_file)) as (_, client),
    ):
        admin.execute_command("REPLICAOF", "127.0.0.1", "1")
        until(lambda: client.get("/readyz").json() == {"status": "readonly"})
        assert client.get("/readyz").status_code == 503
        admin.execute_command("REPLICAOF", "NO", "ONE")
        until(lambda: client.get("/readyz").json() == {"status": "ready"})
        assert assign(client, "s-1").status_code == 201


def test_a_port_that_is_taken_is_named(tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, *options) as (_, client):
        port = str(client.base_url.port)
        elsewhere = ["--data-dir", str(tmp_path / "elsewhere"), "--port", port, "--log-level", "error"]
        service = Serving(tmp_path, *elsewhere)
        assert service.process.wait(DEADLINE_SECONDS) == 2
        assert service.log == f"slta: cannot listen on 127.0.0.1, port {port}: Address already in use\n"


def test_with_a_key_file_only_its_keys_open(tmp_path: Path, options: list[str]) -> None:
    keys = tmp_path / "keys.yaml"
    made = subprocess.run(
        [sys.executable, "-m", "service.cli", "key", "new", "--scope", "admin"],
        check=True,
        capture_output=True,
        text=True,
    )
    entry = "\n".join(line for line in made.stderr.splitlines() if not line.startswith("#"))
    keys.write_text(f"keys:\n{entry}\n")
    with serving(tmp_path, *options, "--keys-file", str(keys)) as (service, client):
        assert assign(client, "s-1").status_code == 401
        client.headers["Authorization"] = f"Bearer {made.stdout.strip()}"
        assert assign(client, "s-1").status_code == 201
        assert not service.events("no_access_control")
        assert made.stdout.strip() not in service.log


def test_who_watches_the_live_page_does_not_hold_the_end_up(tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, *options) as (service, client), client.stream("GET", "/console/f/events") as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry:")
        service.process.send_signal(signal.SIGTERM)
        for _ in lines:
            pass
        assert service.process.wait(DEADLINE_SECONDS) == 0
        assert not [line for line in service.log.splitlines() if '"error"' in line]


def test_requests_that_are_under_way_are_answered_before_it_ends(tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, *options) as (service, client):
        pid = int(str(service.events("embedded_store_ready")[0]["pid"]))
        os.kill(pid, signal.SIGSTOP)
        waiting = subprocess.Popen(
            [sys.executable, "-c", SLOW, f"{client.base_url}/v1/fleets/f/state"], stdout=subprocess.PIPE, text=True
        )
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "sent\n"
        service.process.send_signal(signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)
        assert waiting.communicate(timeout=DEADLINE_SECONDS)[0] in ("200\n", "503\n")
        assert service.process.wait(DEADLINE_SECONDS) == 0


WITH_THIRD_POLICY = """
import sys
from pathlib import Path

from service.process import logs, serving
from service.process.settings import read_settings
from tests.toy.uniform import LIBRARY, WITH_UNIFORM

logs.configure("info", "json")
_, _, data_dir, _, config = sys.argv
serving.serve(read_settings(port=0, data_dir=Path(data_dir), config=Path(config)), WITH_UNIFORM, LIBRARY)
"""


class WithThirdPolicy(Serving):
    """A process that is given another table of policies, and the library with their Lua."""

    program = ("-c", WITH_THIRD_POLICY)


def test_a_process_that_is_given_a_third_policy_serves_it(tmp_path: Path, options: list[str], fleet_file: Path) -> None:
    fleet_file.write_text(f"policy: uniform\n{FLEET}")
    with serving(tmp_path, *options, kind=WithThirdPolicy) as (service, client):
        until(lambda: service.events("fleet_file_applied"))
        assert assign(client, "s-1").json()["token"] == "any"
        assert client.get("/v1/fleets/f/state").json()["policy"] == "uniform"


SLOW = """
import sys, urllib.error, urllib.parse, http.client
url = urllib.parse.urlsplit(sys.argv[1])
connection = http.client.HTTPConnection(url.netloc, timeout=30)
connection.request("GET", url.path)
print("sent", flush=True)
print(connection.getresponse().status)
"""
