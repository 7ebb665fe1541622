"""System: a fleet of three classes with capacity to spare beside a dispatcher, and client processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.campaign.findings import Lag, Session, rows, sessions_of
from lab.campaign.load import Task
from lab.faults.load import FLEET
from testbed.scene import Scene


@dataclass(frozen=True)
class Size:
    """Load of all processes together, and the times of an outage."""

    processes: int = 10
    rate: float = 100.0
    """New sessions a second, of all processes."""
    stay: float = 15.0
    """Mean seconds of a session."""
    seconds: float = 60.0
    """Of the outage."""
    warm_up: float = 80.0
    """Every client has read the endpoints of the loaded fleet by then."""
    after: float = 30.0


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


class System(Scene):
    """The fleet with its pools."""

    def __init__(self, folder: Path, kind: FleetKind, size: Size) -> None:
        super().__init__(folder, FLEET)
        self.kind = kind
        self.size = size

    def furnish(self, stack: ExitStack) -> None:
        del stack
        self.call("PUT", "", self.kind.document())
        self.call("POST", "/pools", {"pools": self.kind.pool_rows()})

    @asynccontextmanager
    async def clients(self) -> AsyncIterator[None]:
        """The processes, which have ended all their sessions at the end."""
        file, count = str(self.folder / "endpoints.json"), self.size.processes
        async with AsyncExitStack() as stack:
            for number in range(count):
                lines = str(self.folder / f"client-{number}.jsonl")
                task = Task(self.service.url, FLEET, self.size.rate / count, self.size.stay, lines, file, number)
                await stack.enter_async_context(task.process())
            yield

    def lines(self) -> tuple[list[Session], list[Lag]]:
        """What the clients wrote so far."""
        files = list(self.folder.glob("client-*.jsonl"))
        lags = [Lag(**row) for file in files for row in rows([file], "at").values()]
        return sessions_of(files), lags
