"""System: a fleet of one class, a relay before slta, hosts with agents, and their watch."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.agents.hosts import Host
from lab.agents.watch import Watch
from lab.campaign.findings import Session, sessions_of
from lab.campaign.load import Task
from testbed.processes import FilterProcess, environment
from testbed.scene import Scene

FLEET = "agents"


@dataclass(frozen=True)
class Size:
    """Size of the system."""

    hosts: int = 200
    """Pool processes, each with an agent process."""
    ttl: int = 10
    """Seconds of a pool's lease."""
    gone: int = 20
    """The fleet's `gone_seconds`."""
    rate: float = 40.0
    """New sessions a second."""
    stay: float = 30.0
    """Mean seconds of a session."""
    warm_up: float = 20.0
    outage: float = 30.0


class System(Scene):
    """With all hosts alive."""

    def __init__(self, folder: Path, size: Size) -> None:
        super().__init__(folder, FLEET)
        self.size = size
        self.hosts: dict[str, Host] = {}
        self.dead: dict[str, float] = {}
        """Pools that were killed, and when."""

    def furnish(self, stack: ExitStack) -> None:
        classes = {"c": ({"kind": "log_share", "resource": 40}, 40)}
        self.put(classes, gone_seconds=self.size.gone, retention_seconds=3600)  # the agents register its pools
        self.relay = stack.enter_context(self._process("relay", str(self.service.port)))
        url = f"http://127.0.0.1:{int(self.relay.read_line())}"
        options = {"url": url, "fleet": FLEET, "ttl_seconds": self.size.ttl}
        # 400 processes: a group of their own for the scheduler
        self._nursery = stack.enter_context(self._process("hosts", json.dumps(options), start_new_session=True))
        self.watch = stack.enter_context(Watch(self._liveness))
        self._start([f"p-{number}" for number in range(1, self.size.hosts + 1)])
        self.until(lambda found: set(found.values()) == {"alive"} and len(found) == self.size.hosts)

    def _process(self, module: str, word: str, **options: Any) -> FilterProcess:
        """A process of this package."""
        command, log = [sys.executable, "-m", f"lab.agents.{module}", word], self.folder / f"{module}.log"
        return FilterProcess(*command, log=log, env=environment(), **options)

    def _start(self, pool_ids: Sequence[str]) -> None:
        """Start their hosts; agents register the pools."""
        self._nursery.write_line(json.dumps(pool_ids))
        self.hosts = {row["pool_id"]: Host(**row) for row in json.loads(self._nursery.read_line())}

    def _liveness(self) -> dict[str, str]:
        """Liveness of each pool; draining and failed ones by their status."""
        pools = self.call("GET", "/pools?limit=1000")["pools"]
        return {pool["pool_id"]: pool["liveness"] if pool["status"] == "active" else pool["status"] for pool in pools}

    def load(self) -> FilterProcess:
        """Load of sessions that are connections to their pools, past the relay."""
        lines = str(self.folder / "load.jsonl")
        return Task(self.service.url, FLEET, self.size.rate, self.size.stay, lines).process()

    def sessions(self) -> list[Session]:
        """Sessions of the load so far."""
        return sessions_of([self.folder / "load.jsonl"])

    def kill(self, pool_ids: Iterable[str]) -> None:
        """Pool and agent end without a word."""
        for pool_id in pool_ids:
            self.dead[pool_id] = time.monotonic()
            self.hosts[pool_id].signal(signal.SIGKILL)

    def until(self, condition: Any, seconds: float = 120.0) -> float:
        """Seconds until the watch's liveness of all pools meets the condition; `seconds` if it does not by then."""
        began = time.monotonic()
        while not condition(self.watch.now) and time.monotonic() < began + seconds:
            time.sleep(0.1)
        return time.monotonic() - began
