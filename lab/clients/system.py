"""System: a fleet of three classes with capacity to spare beside a dispatcher, and client processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

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
    """Seconds of the outage."""
    warm_up: float = 80.0
    """Every client has read the endpoints of the loaded fleet by then."""
    after: float = 30.0


POOLS = 20
"""Pools of each class: `a-1`, `a-2`, …"""
FLEETS: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "equal": {"a": (100, 100), "b": (100, 100), "c": (100, 100)},
    "similar": {"a": (90, 100), "b": (100, 100), "c": (110, 100)},
    "unequal": {"a": (50, 50), "b": (100, 100), "c": (150, 150)},
}
"""Class → resource, of its curve x log(resource / x), and capacity.

At the default load slta has 25 sessions on each pool of `equal`; 22, 25 and 28 by class; 12, 25 and 38.
"""


class System(Scene):
    """The fleet with its pools."""

    def __init__(self, folder: Path, kind: str, size: Size) -> None:
        super().__init__(folder, FLEET)
        self.classes = FLEETS[kind]
        self.pool_ids = [f"{name}-{number}" for name in self.classes for number in range(1, POOLS + 1)]
        self.size = size

    def furnish(self, stack: ExitStack) -> None:
        del stack
        curves = {name: {"kind": "log_share", "resource": resource} for name, (resource, _) in self.classes.items()}
        self.put({name: (curves[name], capacity) for name, (_, capacity) in self.classes.items()})
        self.add({pool: f"{pool}.example:80" for pool in self.pool_ids})

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
        """Lines that the clients wrote so far."""
        files = list(self.folder.glob("client-*.jsonl"))
        lags = [Lag(**row) for file in files for row in rows([file], "at").values()]
        return sessions_of(files), lags
