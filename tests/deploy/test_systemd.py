"""The systemd unit is valid, and its system-call filter forbids nothing that the service needs.

No systemd has to run: the filter is made from the unit's own list, see tests/deploy/seccomp.py.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from slta.calculations.worker import MAX_NICENESS
from slta.store.embedded.data_dir import SOCKET_NAME
from testbed import awaiting
from testbed.processes import Process
from testbed.sentinels import until
from testbed.servers import EMBEDDED, free_port, running_server
from testbed.service_process import SERVE, ServiceProcess
from tests.deploy.seccomp import values

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "deploy/systemd/slta.service"
SECRETS = "/etc/slta/secrets"
CAN_CHANGE_USER = os.geteuid() == 0 and all(
    folder.stat().st_mode & 0o001 for path in (ROOT / "x", Path(sys.executable).resolve()) for folder in path.parents
)
"""Whether the unit's command can run as somebody else, as with DynamicUser: root, and an interpreter open to all."""
USER = 10_001 if CAN_CHANGE_USER else os.geteuid()
CONFINED = ("tests.deploy.seccomp", str(UNIT))
CURVE = {"kind": "log_share", "resource": 20}
FLEET = {
    "policy": "jlmu",
    "classes": [{"name": name, "utility": CURVE, "capacity": 20, "pools": 1} for name in "ab"],
    "session_types": {"narrow": ["a"]},
}

pytestmark = pytest.mark.needs("systemd-analyze")


def analyzed(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("source", sorted(UNIT.parent.glob("*.service")), ids=lambda path: path.name)
def test_systemd_accepts_the_unit_and_finds_little_exposed(tmp_path: Path, source: Path) -> None:
    unit = tmp_path / source.name
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", source.read_text(), flags=re.MULTILINE))
    done = analyzed("verify", unit)
    assert (done.returncode, done.stderr) == (0, "")
    level = re.search(rf"exposure level for {unit.name}: (\S+)", analyzed("security", "--offline=true", unit).stdout)
    assert level
    assert float(level[1]) < 2


@pytest.mark.parametrize(("call", "is_killed"), [("chroot('/')", True), ("setpriority(os.PRIO_PROCESS, 0, 19)", False)])
def test_the_filter_kills_a_process_that_makes_another_call(call: str, *, is_killed: bool) -> None:
    command = [sys.executable, "-m", *CONFINED, sys.executable, "-c", f"import os; os.{call}"]
    done = subprocess.run(command, cwd=ROOT, check=False)
    assert (done.returncode < 0, done.returncode == 0) == (is_killed, not is_killed)


@pytest.mark.slow
def test_a_dispatcher_with_a_store_of_its_own_places_calculates_and_ends_under_the_filter(tmp_path: Path) -> None:
    with ServiceProcess(tmp_path, program=("-m", *CONFINED, sys.executable, *SERVE)) as service:
        service.call("PUT", "/v1/fleets/f", FLEET)
        service.assign("f", 1)
        rewrite(tmp_path / "data")
        until(lambda: calculates(service) or "bounds_failed" in service.output)
    assert not re.search("bounds_failed|embedded_store_ended", service.output)


def calculates(service: ServiceProcess) -> bool:
    """Whether the process that calculates the bounds of types has begun: it is the one of the lowest priority."""
    children = Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text(encoding="ascii").split()
    return any(os.getpriority(os.PRIO_PROCESS, int(child)) == MAX_NICENESS for child in children)


def rewrite(folder: Path) -> None:
    """The store rewrites its append-only file, in a process of its own."""
    with Redis(unix_socket_path=str(folder / SOCKET_NAME)) as store:
        store.bgrewriteaof()
        until(lambda: store.info("persistence")["aof_last_bgrewrite_status"] == "ok")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Unlike pytest's own, other users can pass it."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        yield Path(name)


def create_secrets(secrets: Path, store_url: str) -> str:
    """The files that the unit loads, as docs/install.md says; the key."""
    secrets.mkdir(mode=0o700)
    (secrets / "SLTA_STORE_URL").write_text(store_url)
    create = [sys.executable, "-m", "slta.cli", "key", "new", "--scope", "read", "--file", str(secrets / "keys.yaml")]
    return subprocess.run(create, capture_output=True, text=True, check=True).stdout.strip()


def load_credentials(secrets: Path, copies: Path) -> None:
    """Copy what the unit loads, as systemd does: the service's user alone can read it."""
    copies.mkdir()
    for name, _, source in (value.partition(":") for value in values(UNIT, "LoadCredential")):
        copy = copies / name
        copy.write_bytes(Path(source.replace(SECRETS, str(secrets))).read_bytes())
        copy.chmod(0o400)
        os.chown(copy, USER, -1)
    copies.chmod(0o500)
    os.chown(copies, USER, -1)


@contextmanager
def running_unit(credentials: Path, port: int) -> Iterator[None]:
    """Its command with its variables, its filter, and another user."""
    own = (value.replace("%d", str(credentials)).split("=", 1) for value in values(UNIT, "Environment"))
    environment = {**os.environ, **dict(own), "SLTA_PORT": str(port), "SLTA_LAME_DUCK_SECONDS": "0"}
    command = [sys.executable, "-m", *CONFINED, sys.executable, "-m", "slta.cli", "serve"]
    as_user: Any = {"user": USER, "group": USER, "extra_groups": ()} if CAN_CHANGE_USER else {}
    with Process(*command, cwd=ROOT, env=environment | {"SLTA_STORE_CHECKS": "false"}, **as_user) as service:
        ready = f"http://127.0.0.1:{port}/readyz"
        awaiting.until(lambda: service.poll() is not None or httpx.get(ready).is_success, (httpx.TransportError,))
        yield


@pytest.mark.slow
def test_a_dispatcher_reads_the_key_file_that_slta_key_new_wrote(folder: Path) -> None:
    port, store = free_port(), free_port()
    with running_server(EMBEDDED, "--port", str(store)):
        key = create_secrets(folder / "secrets", f"redis://127.0.0.1:{store}")
        load_credentials(folder / "secrets", folder / "credentials")
        with running_unit(folder / "credentials", port):
            fleets = f"http://127.0.0.1:{port}/v1/fleets"
            with_key = httpx.get(fleets, headers={"Authorization": f"Bearer {key}"}, timeout=10)
            without = httpx.get(fleets, timeout=10)
    assert (with_key.status_code, without.status_code) == (200, 401)
