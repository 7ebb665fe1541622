"""Scene: a dispatcher on a store of its own, a fleet, and what a test or a campaign puts beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx

from testbed.processes import Part
from testbed.servers import Server
from testbed.service_process import ServiceProcess


class Scene(Part):
    """A dispatcher, its store, and a fleet that a subclass makes in `furnish`. All of it ends in reverse order."""

    key: str | None = None
    """API key of the calls, where the dispatcher wants one."""

    def __init__(self, folder: Path, fleet: str, **options: Any) -> None:
        """`options` are those of the dispatcher."""
        (folder / "store").mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.fleet = fleet
        self.store = Server(folder / "store")
        self.service = ServiceProcess(folder, settings={"SLTA_STORE_URL": self.store.url}, **options)

    def start(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.store)
            stack.enter_context(self.service)
            self.furnish(stack)
            self._stack = stack.pop_all()
        return self

    def stop(self) -> None:
        self._stack.close()

    def furnish(self, stack: ExitStack) -> None:
        """Make the fleet and what else belongs to the scene, to be ended by the stack."""

    def call(self, method: str, path: str = "", body: object = None) -> Any:
        """Call the API below the fleet; the reply's JSON."""
        return self.service.call(method, f"/v1/fleets/{self.fleet}{path}", body, self.key)

    def put(self, classes: Mapping[str, tuple[Mapping[str, Any], int]], **members: object) -> None:
        """Make or change the fleet: curve and capacity of each class, and other members."""
        rows = [{"name": name, "utility": curve, "capacity": most} for name, (curve, most) in classes.items()]
        self.call("PUT", "", {"classes": rows, **members})

    def add(self, addresses: Mapping[str, str]) -> None:
        """Add pools `class-number` with their addresses."""
        rows = [{"pool_id": id_, "pool_class": id_.partition("-")[0], "address": at} for id_, at in addresses.items()]
        self.call("POST", "/pools", {"pools": rows})

    def active(self) -> int:
        """Number of sessions on active pools."""
        return int(self.call("GET", "/state")["sessions"]["active"])

    def pool_of(self, session: str) -> str:
        """Pool of a live session."""
        return str(self.call("GET", f"/sessions/{session}")["pool_id"])

    def find(self, session: str) -> str | None:
        """Pool of a session; None if slta does not know it."""
        try:
            return self.pool_of(session)
        except httpx.HTTPStatusError:
            return None

    def knows(self, session: str) -> bool:
        """True if the session is live."""
        return self.find(session) is not None


class Outage(NamedTuple):
    """Outage of slta or its store: its begin and its end."""

    begin: Callable[[Scene], object]
    end: Callable[[Scene], object]


OUTAGES: Mapping[str, Outage] = {
    "killed": Outage(lambda scene: scene.service.kill(), lambda scene: scene.service.start()),
    "stopped": Outage(lambda scene: scene.service.freeze(), lambda scene: scene.service.thaw()),
    "store-killed": Outage(lambda scene: scene.store.kill(), lambda scene: scene.store.start()),
    "store": Outage(lambda scene: scene.store.freeze(), lambda scene: scene.store.thaw()),
}
