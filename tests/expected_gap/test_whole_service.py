"""A dispatcher as it is run: its process that predicts starts at the first read, and goes with it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.awaiting import until
from testbed.service_process import ServiceProcess
from tests.expected_gap.test_cache import is_running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
FLEET = {
    "classes": [
        {"name": name, "utility": {"kind": "log_share", "resource": r}, "capacity": 60, "pools": 5}
        for name, r in (("small", 20), ("large", 30))
    ]
}


def processes_that_predict(service: ServiceProcess) -> list[int]:
    """Those that the service has started."""
    children = Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text(encoding="ascii").split()
    return [pid for pid in map(int, children) if b"slta.calculations" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.slow
@pytest.mark.parametrize("ending", [ServiceProcess.end, ServiceProcess.kill])
def test_it_starts_with_the_first_read_and_ends_with_the_service(
    tmp_path: Path, ending: Callable[[ServiceProcess], None]
) -> None:
    service = ServiceProcess(tmp_path)
    service.start()
    service.call("PUT", "/v1/fleets/f", FLEET)
    service.assign("f", 20)
    assert processes_that_predict(service) == []
    assert service.call("GET", "/v1/fleets/f/state")["expected_placement_gap_reason"] == "pending"
    until(lambda: service.call("GET", "/v1/fleets/f/state")["expected_placement_gap"])
    (pid,) = processes_that_predict(service)
    ending(service)
    until(lambda: not is_running(pid))
