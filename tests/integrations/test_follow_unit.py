"""The systemd unit of the follower: its command exists, and its filter forbids nothing that it needs."""

from __future__ import annotations

import sys
from pathlib import Path
from string import Template

import pytest

from testbed.awaiting import until
from testbed.live_fleet import Fleet
from testbed.processes import Process
from testbed.servers import free_port
from tests.deploy.seccomp import values
from tests.docs.pages import ROOT
from tests.integrations.logs import Log

UNIT = ROOT / "deploy/systemd/slta-follow.service"


def command_of(unit: Path, credentials: Path, state: Path, **variables: str) -> list[str]:
    """The unit's command with its variables, and others of a test."""
    given = dict(value.split("=", 1) for value in values(unit, "Environment")) | variables
    [line] = values(unit, "ExecStart")
    words = [Template(word).substitute(given) for word in line.split()]
    return [word.replace("%d", str(credentials)).replace("%S", str(state)) for word in words[1:]]


@pytest.mark.needs("systemd-analyze")
def test_its_command_completes_a_session_under_its_filter(fleet: Fleet, log: Log, tmp_path: Path) -> None:
    (tmp_path / "follow.key").write_text("any\n")
    variables = {
        "FOLLOW_FLEET": fleet.name,
        "FOLLOW_URL": fleet.service.url,
        "FOLLOW_SOURCE": f"--file={log.path}",
        "FOLLOW_METRICS_PORT": str(free_port()),
    }
    options = command_of(UNIT, tmp_path, tmp_path / "state", **variables)
    confined = [sys.executable, "-m", "tests.deploy.seccomp", str(UNIT), sys.executable, "-m", "slta.cli"]
    with Process(*confined, *options, is_clean=True, cwd=ROOT) as process:
        until(lambda: (tmp_path / "state/slta-follow/position.json").exists() or process.poll() is not None)
        log.write(*fleet.begin_and_end("a"))
        until(lambda: fleet.counter("completed") == 1 or process.poll() is not None)
    assert fleet.counter("completed") == 1
