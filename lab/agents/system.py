"""System: a store, a dispatcher, a fleet of one class, the relay, hosts with agents, and the load generator."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import processes
from lab.agents.findings import Down
from lab.agents.hosts import Host
from lab.agents.load import Load
from lab.agents.watch import Watch
from testbed.processes import FilterProcess, environment
from testbed.servers import Server
from testbed.service_process import ServiceProcess

FLEET = "agents"


@dataclass(frozen=True)
class Size:
    """How large the system is."""

    hosts: int = 200
    ttl_seconds: int = 10
    gone_seconds: int = 20
    rate: float = 40.0
    stay_seconds: float = 30.0


@dataclass
class System:
    """System that runs."""

    size: Size
    store: Server
    service: ServiceProcess
    watch: Watch
    folder: Path
    nursery: FilterProcess
    relay: FilterProcess
    hosts: dict[str, Host] = field(default_factory=dict)
    downs: list[Down] = field(default_factory=list)
    """Of all hosts since the beginning."""

    def start(self, pool_ids: Sequence[str]) -> None:
        """Start their hosts; agents register the pools."""
        now = time.monotonic()
        self.nursery.write_line(json.dumps(pool_ids))
        self.downs = [
            down._replace(until=min(down.until, now)) if down.pool in pool_ids else down for down in self.downs
        ]
        self.hosts |= {row["pool_id"]: Host(**row) for row in json.loads(self.nursery.read_line())}

    def kill(self, pool_ids: Iterable[str]) -> None:
        """Pool and agent end without a word."""
        for pool_id in pool_ids:
            self.downs.append(Down(pool_id, time.monotonic()))
            self.hosts[pool_id].signal(signal.SIGKILL)

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self.service.call(method, f"/v1/fleets/{FLEET}/{path}", body)

    def lines(self) -> dict[str, dict[str, Any]]:
        """Sessions of the load generator so far, by id."""
        return processes.rows([self.folder / "load.jsonl"])

    def until_alive(self) -> float:
        """Seconds until all pools are alive."""
        return self.until(lambda found: set(found.values()) == {"alive"} and len(found) == self.size.hosts)

    def until(self, condition: Any, seconds: float = 120.0) -> float:
        """Seconds until the watch's liveness of all pools meets the condition; `seconds` if it does not by then."""
        began = time.monotonic()
        while not condition(self.watch.now) and time.monotonic() < began + seconds:
            time.sleep(0.1)
        return time.monotonic() - began


def liveness(service: ServiceProcess) -> dict[str, str]:
    """Of each pool; draining and failed ones by their status."""
    pools = service.call("GET", f"/v1/fleets/{FLEET}/pools?limit=1000")["pools"]
    return {pool["pool_id"]: pool["liveness"] if pool["status"] == "active" else pool["status"] for pool in pools}


@contextmanager
def system(folder: Path, size: Size) -> Iterator[System]:
    """All of it with all hosts alive, ended in reverse order."""
    with ExitStack() as stack:
        store, service = processes.dispatcher(stack, folder)
        service.call("PUT", f"/v1/fleets/{FLEET}", document(size))
        relay = stack.enter_context(_process("relay", folder, str(service.port)))
        url = f"http://127.0.0.1:{int(relay.read_line())}"
        options = {"url": url, "fleet": FLEET, "ttl_seconds": size.ttl_seconds}
        # 400 processes: a group of their own for the scheduler
        nursery = stack.enter_context(_process("hosts", folder, json.dumps(options), start_new_session=True))
        load = Load(service.url, FLEET, size.rate, size.stay_seconds, str(folder / "load.jsonl"))
        watch = stack.enter_context(Watch(lambda: liveness(service)))
        made = System(size, store, service, watch, folder, nursery, relay)
        made.start([f"p-{number}" for number in range(1, size.hosts + 1)])
        made.until_alive()
        with _process("load", folder, load.argument()):
            yield made


def document(size: Size) -> Mapping[str, Any]:
    """The fleet: without pools, which the agents register."""
    curve = {"kind": "log_share", "resource": 40}
    classes = [{"name": "c", "utility": curve, "capacity": 40}]
    return {"gone_seconds": size.gone_seconds, "retention_seconds": 3600, "classes": classes}


def _process(module: str, folder: Path, word: str, **options: Any) -> FilterProcess:
    """A process of this package."""
    command, log = [sys.executable, "-m", f"lab.agents.{module}", word], folder / f"{module}.log"
    return FilterProcess(*command, log=log, env=environment(), **options)
