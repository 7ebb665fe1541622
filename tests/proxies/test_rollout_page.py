"""The commands of docs/rollout.md do on a real HAProxy what the page says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.awaiting import eventually
from testbed.proxies.clients import sent
from testbed.proxies.haproxy import HAPROXY, command
from testbed.proxies.system import FLEET, System
from tests.deploy.runbook import BLOCK
from tests.docs.pages import ROOT, Page

pytestmark = [pytest.mark.proxies, pytest.mark.needs("haproxy", "curl")]
PAGE = Page(ROOT / "docs/rollout.md")
OBSERVE, FIRST_STEP, BACK = [block["commands"] for block in BLOCK.finditer(PAGE.text) if not block["reason"]]
CAPACITY = 200
DEFINITIONS = OBSERVE[: OBSERVE.index("share 0\n")]
PLACED = f'slta_place_requests_total{{fleet="{FLEET}",outcome="placed"}}'
SOCAT = f"""#!{sys.executable}
import socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect(sys.argv[2])
    server.sendall(sys.stdin.buffer.read())
    sys.stdout.buffer.write(b"".join(iter(lambda: server.recv(65536), b"")))
"""
"""What the page uses of socat, where it is not installed."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(HAPROXY, tmp_path_factory.mktemp("page"), follow=True, capacity=CAPACITY) as made:
        (made.setup.folder / "operator.key").write_text(made.key, encoding="utf-8")
        if shutil.which("socat") is None:
            program = made.setup.folder / "socat"
            program.write_text(SOCAT, encoding="utf-8")
            program.chmod(0o755)
        yield made


def played(system: System, commands: str) -> str:
    """What they print, with the places of this system; fails if one does."""
    setup = system.setup
    for place, here in {
        "/etc/haproxy": str(setup.folder),
        "/run/haproxy": str(setup.folder),
        "localhost:8080": f"127.0.0.1:{setup.slta}",
        "localhost:9465": f"127.0.0.1:{setup.metrics}",
        "/fleets/main/": f"/fleets/{FLEET}/",
    }.items():
        commands = commands.replace(place, here)
    environment = os.environ | {"PATH": f"{setup.folder}{os.pathsep}{os.environ['PATH']}"}
    script = ["bash", "-euo", "pipefail", "-c", commands]
    done = subprocess.run(script, cwd=setup.folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shares(system: System) -> set[str]:
    """Of HAProxy now, and after a reload."""
    now = command(system.setup, "show map slta-share.map").split()[-1]
    return {now, Path(system.setup.folder / "slta-share.map").read_text(encoding="utf-8").split()[-1]}


async def begin(system: System, count: int) -> None:
    """Sessions to their end; slta knows that they began."""
    before = begun(system)
    for _ in range(count):
        assert (await sent(system, "GET", "/play")).status == 200
    await eventually(lambda: begun(system) == before + count)


def begun(system: System) -> int:
    counters = system.call("GET", "/state")["counters"]
    return int(counters["assigned"] + counters["adopted"])


async def test_a_fleet_that_observes_is_not_asked_and_knows_all_sessions(shared: System) -> None:
    shared.define(CAPACITY, policy="observe")
    printed = played(shared, OBSERVE)
    assert shares(shared) == {"0"}
    assert '"relative_placement_gap"' in printed
    assert "slta_follow_lag_seconds" in printed
    await begin(shared, 5)
    assert PLACED not in played(shared, f"{DEFINITIONS}ask /metrics")
    assert shared.call("GET", "/state")["difference_at_placing"] is not None


async def test_after_a_step_slta_places_and_its_requests_are_shown(shared: System) -> None:
    shared.define(CAPACITY, policy="slta")
    played(shared, f"{DEFINITIONS}share 100")
    await begin(shared, 1)
    printed = played(shared, f"{DEFINITIONS}{FIRST_STEP}")
    assert shares(shared) == {"1"}
    assert '"difference_at_placing_by_source"' in printed
    assert PLACED in printed


async def test_one_command_takes_it_back(shared: System) -> None:
    shared.define(CAPACITY, policy="slta")
    played(shared, f"{DEFINITIONS}share 100")
    await begin(shared, 1)
    assigned = shared.call("GET", "/state")["counters"]["assigned"]
    assert played(shared, f"{DEFINITIONS}{BACK}").strip() == ""
    await begin(shared, 20)
    assert shared.call("GET", "/state")["counters"]["assigned"] == assigned
