"""The systemd unit is valid, and its system-call filter forbids nothing that the service needs.

No systemd has to run: the filter is made from the unit's own list, see tests/deploy/seccomp.py.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from slta.store.embedded.data_dir import SOCKET_NAME
from tests.sentinels import until
from tests.service_process import ServiceProcess

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "deploy/systemd/slta.service"
CONFINED = ("tests.deploy.seccomp", str(UNIT))
FLEET = {"classes": [{"name": "c", "utility": {"kind": "log_share", "resource": 20}, "capacity": 20, "pools": 1}]}

pytestmark = pytest.mark.needs("systemd-analyze")


def analyzed(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)


def test_systemd_accepts_the_unit_and_finds_little_exposed(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE))
    done = analyzed("verify", unit)
    assert (done.returncode, done.stderr) == (0, "")
    level = re.search(r"exposure level for slta.service: (\S+)", analyzed("security", "--offline=true", unit).stdout)
    assert level
    assert float(level[1]) < 2


@pytest.mark.parametrize(("call", "is_killed"), [("chroot('/')", True), ("setpriority(os.PRIO_PROCESS, 0, 19)", False)])
def test_the_filter_kills_a_process_that_makes_another_call(call: str, *, is_killed: bool) -> None:
    command = [sys.executable, "-m", *CONFINED, sys.executable, "-c", f"import os; os.{call}"]
    done = subprocess.run(command, cwd=ROOT, check=False)
    assert (done.returncode < 0, done.returncode == 0) == (is_killed, not is_killed)


@pytest.mark.slow
def test_a_dispatcher_with_a_store_of_its_own_places_predicts_and_ends_under_the_filter(tmp_path: Path) -> None:
    with ServiceProcess(tmp_path, program=(*CONFINED, sys.executable, "-m", "slta.cli", "serve")) as service:
        service.call("PUT", "/v1/fleets/f", FLEET)
        service.assign("f", 1)
        rewrite(tmp_path / "data")
        until(lambda: predicted(service) or "prediction_failed" in service.log.read_text())
    assert not re.search("prediction_failed|embedded_store_ended", service.log.read_text())


def predicted(service: ServiceProcess) -> bool:
    return service.call("GET", "/v1/fleets/f/optimum?load=1.5&pools=c:4")["expected_placement_gap"] is not None


def rewrite(folder: Path) -> None:
    """The store rewrites its append-only file, in a process of its own."""
    with Redis(unix_socket_path=str(folder / SOCKET_NAME)) as store:
        store.bgrewriteaof()
        until(lambda: store.info("persistence")["aof_last_bgrewrite_status"] == "ok")
