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
    """Of the calls, where the dispatcher wants one."""

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
        """Of the API below the fleet; the answer's JSON."""
        return self.service.call(method, f"/v1/fleets/{self.fleet}{path}", body, self.key)

    def active(self) -> int:
        """Sessions on active pools."""
        return int(self.call("GET", "/state")["sessions"]["active"])

    def pool_of(self, session: str) -> str:
        """Where slta has a live session."""
        return str(self.call("GET", f"/sessions/{session}")["pool_id"])

    def knows(self, session: str) -> bool:
        """Whether the session is live."""
        try:
            self.pool_of(session)
        except httpx.HTTPStatusError:
            return False
        return True


class Outage(NamedTuple):
    """How slta or its store goes away, and comes back."""

    begin: Callable[[Scene], object]
    end: Callable[[Scene], object]


OUTAGES: Mapping[str, Outage] = {
    "killed": Outage(lambda scene: scene.service.kill(), lambda scene: scene.service.start()),
    "stopped": Outage(lambda scene: scene.service.freeze(), lambda scene: scene.service.thaw()),
    "store-killed": Outage(lambda scene: scene.store.kill(), lambda scene: scene.store.start()),
    "store": Outage(lambda scene: scene.store.freeze(), lambda scene: scene.store.thaw()),
}
