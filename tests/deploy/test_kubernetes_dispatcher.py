"""A dispatcher with the variables and the files of its pod, which change as the kubelet changes them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from testbed.awaiting import until
from testbed.servers import EMBEDDED, free_port, running_server
from testbed.service_process import ServiceProcess
from tests.deploy.manifests import PAGE, container, environment, the, volumes

pytestmark = pytest.mark.slow

OWN = {"SLTA_LAME_DUCK_SECONDS": "0", "SLTA_STORE_CHECKS": "false"}


def mount(folder: Path, files: Mapping[str, str], version: int = 1) -> None:
    """The files as the kubelet mounts a Secret or ConfigMap: one symbolic link is replaced at each change."""
    (folder / f"..{version}").mkdir(parents=True)
    for name, text in files.items():
        (folder / f"..{version}" / name).write_text(text, encoding="utf-8")
        if version == 1:
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..data_tmp").symlink_to(f"..{version}")
    (folder / "..data_tmp").replace(folder / "..data")


def new_key(folder: Path, scope: str) -> str:
    """A key, added to the folder's key file."""
    create = [sys.executable, "-m", "slta.cli", "key", "new", "--scope", scope, "--file", str(folder / "keys.yaml")]
    return subprocess.run(create, capture_output=True, text=True, check=True).stdout.strip()


def secret(folder: Path, store: str) -> dict[str, str]:
    """What the page puts into the Secret."""
    return {"SLTA_STORE_URL": f"{store}\n", "keys.yaml": (folder / "keys.yaml").read_text(encoding="utf-8")}


class Mounted:
    """A dispatcher of the manifests, its mounts below `root`."""

    def __init__(self, root: Path, store: str) -> None:
        self.root = root
        self.store = store
        (root / "own").mkdir()
        self.keys = {scope: new_key(root / "own", scope) for scope in ("admin", "metrics")}
        for place, volume in volumes():
            if "configMap" in volume:
                mount(self.inside(place["mountPath"]), the("ConfigMap", volume["configMap"]["name"])["data"])
            elif "secret" in volume:
                mount(self.inside(place["mountPath"]), secret(root / "own", store))
        own = {name: str(self.inside(value)) if value[0] == "/" else value for name, value in environment().items()}
        self.process = ServiceProcess(root, keys_file=Path(own.pop("SLTA_KEYS_FILE")), settings=own | OWN)

    def inside(self, path: str) -> Path:
        return self.root / "mounts" / path.removeprefix("/")

    def get(self, path: str, key: str = "") -> httpx.Response:
        return httpx.get(f"{self.process.url}{path}", headers={"Authorization": f"Bearer {key}"} if key else {})


@pytest.fixture
def dispatcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mounted]:
    monkeypatch.setenv("SLTA_AUTH", "true")
    port = free_port()
    with running_server(EMBEDDED, "--port", str(port)):
        mounted = Mounted(tmp_path, f"redis://127.0.0.1:{port}")
        with mounted.process:
            yield mounted


def test_it_places_a_session_in_the_fleet_of_the_overlay_and_is_scraped(dispatcher: Mounted) -> None:
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert dispatcher.get(container()[probe]["httpGet"]["path"]).status_code == 200
    until(lambda: dispatcher.get("/v1/fleets/main", dispatcher.keys["admin"]).is_success)
    placed = httpx.post(
        f"{dispatcher.process.url}/v1/fleets/main/assign",
        json={"session_id": "s-1"},
        headers={"Authorization": f"Bearer {dispatcher.keys['admin']}"},
    )
    assert placed.json()["pool_class"] in {"small", "large"}
    for endpoint in the("ServiceMonitor")["spec"]["endpoints"]:
        parameters = httpx.QueryParams({name: value for name, (value,) in endpoint["params"].items()})
        scraped = dispatcher.get(f"{endpoint['path']}?{parameters}", dispatcher.keys["metrics"])
        assert ('slta_sessions{fleet="main"' in scraped.text) == ("levels" in parameters)
        assert ("slta_build_info" in scraped.text) == ("levels" not in parameters)


def test_a_key_that_is_added_to_the_secret_is_valid_without_a_restart(dispatcher: Mounted) -> None:
    key = new_key(dispatcher.root / "own", "read")
    assert dispatcher.get("/v1/fleets", key).status_code == 401
    folder = dispatcher.inside(environment()["SLTA_SECRETS_DIR"])
    mount(folder, secret(dispatcher.root / "own", dispatcher.store), version=2)
    until(lambda: dispatcher.get("/v1/fleets", key).is_success)


KUBECTL = """
kubectl() {
  case $1 in
    exec) while [[ $1 != -- ]]; do shift; done; "${@:2}" ;;
    logs) cat "$LOG" ;;
  esac
}
"""
"""A stand-in that is in the pod already."""


def test_the_runbook_s_definitions_of_the_page_work_on_it(dispatcher: Mounted) -> None:
    until(lambda: dispatcher.get("/v1/fleets/main", dispatcher.keys["admin"]).is_success)
    definitions = PAGE.read_text(encoding="utf-8").rpartition("```sh\n")[2].partition("```")[0]
    commands = "set -e; slta fleet state -o json; audit; evidence; cat evidence/state.json; logs"
    variables = {
        "LOG": str(dispatcher.process.log),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "SLTA_SECRETS_DIR": str(dispatcher.inside(environment()["SLTA_SECRETS_DIR"])),
    }
    done = subprocess.run(
        ["bash", "-c", f"{KUBECTL}{definitions}SLTA_URL={dispatcher.process.url}; {commands}"],
        input=dispatcher.keys["admin"], env=os.environ | variables, cwd=dispatcher.root,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count('"stated_policy": "slta"') == 2
    assert '"event": "listening"' in done.stdout
    assert "no findings" in done.stdout


def test_without_the_store_s_url_it_does_not_start_on_a_store_of_its_own(tmp_path: Path) -> None:
    new_key(tmp_path, "read")
    own = {"SLTA_SECRETS_DIR": str(tmp_path), "SLTA_KEYS_FILE": str(tmp_path / "keys.yaml")}
    command = [sys.executable, "-m", "slta.cli", "serve", "--data-dir", "/proc/slta"]  # cannot be made either
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "/proc/slta" in done.stderr
