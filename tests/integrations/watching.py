"""`slta kubernetes` in a thread or a process, between a stand-in for the API server and a real dispatcher."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from slta.cli.target import Target
from slta_integrations.kubernetes.api_server import Access
from slta_integrations.kubernetes.command import run
from slta_integrations.kubernetes.desired_pools import Selection
from slta_integrations.kubernetes.metrics import Metrics
from slta_integrations.kubernetes.options import Scaling, WatchOptions
from testbed.live_fleet import Fleet
from testbed.threads import LoopThread
from tests.integrations.api_server import FakeApiServer

SOURCE = "kubernetes:games"
SERVICES = {"svc-c": "c"}


class Watching(LoopThread):
    """A watcher of the namespace `games`."""

    def __init__(self, api: FakeApiServer, url: str, fleet: str, token_file: Path, **options: Any) -> None:
        """`options` are fields of `WatchOptions`."""
        given: dict[str, Any] = {
            "target": Target(url, fleet),
            "access": Access(api.url, token_file),
            "namespace": "games",
            "lease_namespace": "games",
            "lease": "slta-kubernetes",
            "selection": Selection(SERVICES),
            "class_label": "",
            "source": SOURCE,
            "grace_seconds": 0.0,
            "scaling": Scaling("games", {}, False),
        }
        self._options = WatchOptions(**given | options)
        self.metrics = Metrics()

    async def begin(self) -> None:
        self._watching = asyncio.create_task(run(self._options, self.metrics, self.ending))
        self.stack.push_async_callback(asyncio.wait, [self._watching])

    def kill(self) -> None:
        """It ends without releasing the Lease."""
        self._loop.call_soon_threadsafe(self._watching.cancel)
        self.stop()

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"slta_kubernetes_{name}", labels) or 0

    @property
    def is_leader(self) -> bool:
        return bool(self.value("leader"))

    @property
    def changes(self) -> float:
        """Pools changed in all."""
        samples = next(iter(self.metrics.changes.collect())).samples
        return sum(sample.value for sample in samples if sample.name.endswith("_total"))


def watcher(api: FakeApiServer, fleet: Fleet, folder: Path) -> list[str]:
    """`slta kubernetes`, which makes pools of the class `c`."""
    (folder / "token").write_text("first\n")
    fleet_options = ["--fleet", fleet.name, "--url", fleet.service.url, "--service", "c=svc-c", "--namespace", "games"]
    server = ["--api-server", api.url, "--token-file", str(folder / "token")]
    return [sys.executable, "-m", "slta.cli", "kubernetes", *fleet_options, *server]
