"""System: a store, a dispatcher, a fleet of three classes with capacity to spare, and client processes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import processes
from lab.clients.client import Task
from lab.clients.findings import Lag, Session
from lab.faults.load import FLEET
from testbed.processes import FilterProcess, environment
from testbed.servers import Server
from testbed.service_process import ServiceProcess


@dataclass(frozen=True)
class Load:
    """Load of all processes together: new sessions a second, and their mean stay."""

    processes: int = 10
    rate: float = 100.0
    mean_seconds: float = 15.0


@dataclass(frozen=True)
class PoolClass:
    """Class of pools. Its curve is x log(resource / x)."""

    name: str
    resource: float
    capacity: int


@dataclass(frozen=True)
class FleetKind:
    """Fleet with `pools` pools of each class, `a-1`, `a-2`, …"""

    classes: tuple[PoolClass, ...]
    pools: int = 20

    @property
    def pool_ids(self) -> list[str]:
        return [f"{one.name}-{number}" for one in self.classes for number in range(1, self.pools + 1)]

    def document(self) -> dict[str, Any]:
        """Body of the PUT."""
        return {
            "classes": [
                {"name": one.name, "utility": {"kind": "log_share", "resource": one.resource}, "capacity": one.capacity}
                for one in self.classes
            ]
        }

    def pool_rows(self) -> list[dict[str, str]]:
        """Pools with addresses."""
        return [
            {"pool_id": pool, "pool_class": pool.partition("-")[0], "address": f"{pool}.example:80"}
            for pool in self.pool_ids
        ]


FLEETS: Mapping[str, FleetKind] = {
    "equal": FleetKind((PoolClass("a", 100, 100), PoolClass("b", 100, 100), PoolClass("c", 100, 100))),
    "similar": FleetKind((PoolClass("a", 90, 100), PoolClass("b", 100, 100), PoolClass("c", 110, 100))),
    "unequal": FleetKind((PoolClass("a", 50, 50), PoolClass("b", 100, 100), PoolClass("c", 150, 150))),
}
"""At the default load slta has 25 sessions on each pool of `equal`; 22, 25 and 28 by class; 12, 25 and 38."""


@dataclass(frozen=True)
class System:
    """System that runs."""

    store: Server
    service: ServiceProcess
    fleet: FleetKind
    folder: Path
    clients: list[FilterProcess]

    def state(self) -> Any:
        """Of the fleet, as the API returns it."""
        return self.service.call("GET", f"/v1/fleets/{FLEET}/state")

    def stop_clients(self) -> None:
        """End all sessions and the processes."""
        for client in self.clients:
            client.terminate()
        codes = [client.wait() for client in self.clients]
        assert not any(codes), f"exit codes of the clients: {codes}"

    def lines(self) -> tuple[list[Session], list[Lag]]:
        """What the clients wrote so far."""
        files = list(self.folder.glob("client-*.jsonl"))
        lags = [Lag(**row) for file in files for row in processes.rows([file], "at").values()]
        return [Session(**row) for row in processes.rows(files).values()], lags


@contextmanager
def system(folder: Path, fleet: FleetKind, load: Load) -> Iterator[System]:
    """All of it, ended in reverse order."""
    with ExitStack() as stack:
        store, service = processes.dispatcher(stack, folder)
        service.call("PUT", f"/v1/fleets/{FLEET}", fleet.document())
        service.call("POST", f"/v1/fleets/{FLEET}/pools", {"pools": fleet.pool_rows()})
        clients = [stack.enter_context(_client(folder, service.url, load, n)) for n in range(load.processes)]
        yield System(store, service, fleet, folder, clients)


def _client(folder: Path, url: str, load: Load, number: int) -> FilterProcess:
    lines, file = folder / f"client-{number}.jsonl", folder / "endpoints.json"
    task = Task(url, FLEET, load.rate / load.processes, load.mean_seconds, number, str(file), str(lines))
    command, log = [sys.executable, "-m", "lab.clients.client", task.argument()], folder / f"client-{number}.log"
    return FilterProcess(*command, log=log, env=environment())
