"""`slta serve` as a process: what was placed is there whatever happened, and what is not right is one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.awaiting import DEADLINE_SECONDS, until
from testbed.service_process import FLEET, ServiceProcess, assign, serving, where


@pytest.mark.slow
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


@pytest.mark.slow
def test_sessions_outlive_a_kill_of_the_service(tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, *options) as (service, client):
        pools = {f"s-{k}": assign(client, f"s-{k}").json()["pool_id"] for k in range(50)}
        service.kill()
    with serving(tmp_path, *options) as (_, client):
        assert {session: where(client, session) for session in pools} == pools


@pytest.mark.slow
def test_all_fleets_are_read_before_the_first_scrape(tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, *options):
        pass
    with serving(tmp_path, *options) as (_, client):
        until(lambda: 'function="snapshot"' in client.get("/metrics?of=process").text)


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_second_service_on_the_same_folder_is_told_why_not(tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, *options):
        second = ServiceProcess(tmp_path, *options).launch()
        assert second.wait() == 2
        assert second.output.startswith("slta: the data directory")
        assert "--store-url" in second.output


@pytest.mark.slow
def test_the_fleet_file_is_applied_again_when_changed(tmp_path: Path, options: list[str], fleet_file: Path) -> None:
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "slta: 0.0.0.0 can be reached from other machines"),  # noqa: S104 - it is refused
        (["--keys-file", "nowhere.yaml"], "slta: nowhere.yaml: No such file or directory"),
        (["nowhere.yaml"], "slta: nowhere.yaml: No such file or directory"),
        (["--store-binary", "no-such-server"], "slta: no-such-server is not a program"),
        (["--host", "192.0.2.1", "--port", "0", "--keys-file", "{keys}"], "slta: cannot listen on 192.0.2.1, port 0"),
        (["--store-url", "redis://h:port"], "slta: --store-url has a port that is not a number from 1 to 65535"),
        (["--store-url", "http://h"], "slta: --store-url must begin with redis://"),
        (["--store-url", "redis://[h"], "slta: --store-url has an invalid host"),
        (["--store-url", "redis://ann:s3cret@h"], "slta: --store-url exposes its password in the process list"),
    ],
)
def test_what_the_user_can_put_right_is_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys.yaml"
    keys.write_text("keys: []\n")
    given = [argument.format(keys=keys) for argument in arguments]
    service = ServiceProcess(tmp_path, "--log-level", "error", *given).launch()
    assert service.wait() == 2
    [line] = service.output.splitlines()
    assert line.startswith(message)


@pytest.mark.slow
def test_with_a_key_file_only_its_keys_open(tmp_path: Path, options: list[str]) -> None:
    keys = tmp_path / "keys.yaml"
    command = [sys.executable, "-m", "slta.cli", "key", "new", "--scope", "admin"]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    entry = "\n".join(line for line in made.stderr.splitlines() if not line.startswith("#"))
    keys.write_text(f"keys:\n{entry}\n")
    with serving(tmp_path, *options, "--keys-file", str(keys)) as (service, client):
        assert assign(client, "s-1").status_code == 401
        client.headers["Authorization"] = f"Bearer {made.stdout.strip()}"
        assert assign(client, "s-1").status_code == 201
        assert not service.events("no_access_control")
        assert made.stdout.strip() not in service.output


@pytest.mark.slow
def test_who_watches_the_live_page_does_not_hold_the_end_up(tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, *options) as (service, client), client.stream("GET", "/console/f/events") as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry:")
        service.terminate()
        for _ in lines:
            pass
        assert service.wait() == 0
        assert not [line for line in service.output.splitlines() if '"error"' in line]


@pytest.mark.slow
def test_requests_that_are_under_way_are_answered_before_it_ends(tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, *options) as (service, client):
        pid = int(str(service.events("embedded_store_ready")[0]["pid"]))
        os.kill(pid, signal.SIGSTOP)
        waiting = subprocess.Popen(
            [sys.executable, "-c", SLOW, f"{client.base_url}/v1/fleets/f/state"], stdout=subprocess.PIPE, text=True
        )
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "sent\n"
        service.terminate()
        os.kill(pid, signal.SIGCONT)
        assert waiting.communicate(timeout=DEADLINE_SECONDS)[0] in ("200\n", "503\n")
        assert service.wait() == 0


WITH_THIRD_POLICY = """
import sys
from pathlib import Path

from slta.runtime import bootstrap, logs
from slta.runtime.settings import read_settings
from tests.toy.uniform import LIBRARY, WITH_UNIFORM

logs.configure("info", "json")
_, _, port, _, data_dir, config = sys.argv
bootstrap.serve(read_settings(port=int(port), data_dir=Path(data_dir), config=Path(config)), WITH_UNIFORM, LIBRARY)
"""


@pytest.mark.slow
def test_a_process_that_is_given_a_third_policy_serves_it(tmp_path: Path, options: list[str], fleet_file: Path) -> None:
    fleet_file.write_text(f"policy: uniform\n{FLEET}")
    with serving(tmp_path, *options, program=("-c", WITH_THIRD_POLICY)) as (service, client):
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
