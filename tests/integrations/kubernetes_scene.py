"""Scene of `slta kubernetes`: a fleet of a real dispatcher, a stand-in for the API server, and watchers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from slta_integrations.kubernetes import lease, reconciler, vanished, watcher
from slta_integrations.kubernetes.desired_pools import pool_id
from testbed.awaiting import until
from testbed.live_fleet import Fleet
from tests.integrations.api_server import Object, slice_of, uid_of
from tests.integrations.deployments import ScalingApiServer
from tests.integrations.watching import SOURCE, Watching

GRACE = 60.0
"""Seconds of the clock that a test moves."""
AWAY = (httpx.HTTPStatusError,)
"""What a dispatcher says while its store stands still: ask again."""


@dataclass
class Scene:
    """The slice `c-aaaaa` of a Service, a fleet, and watchers."""

    api: ScalingApiServer
    fleet: Fleet
    token: Path
    stack: ExitStack

    def has(self, *endpoints: Object) -> None:
        """In the slice."""
        self.api.put(slice_of("c-aaaaa", "svc-c", list(endpoints) or None))

    def watch(self, url: str | None = None, **options: Any) -> Watching:
        watching = Watching(self.api, url or self.fleet.service.url, self.fleet.name, self.token, **options).start()
        self.stack.callback(watching.stop)
        return watching

    def pools(self) -> dict[str, dict[str, Any]]:
        return {pool["pool_id"]: pool for pool in self.fleet.call("GET", "pools?limit=1000")["pools"]}

    def own_pools(self) -> dict[str, str]:
        """Status by id, of those that the watcher made."""
        found = self.pools().values()
        return {pool["pool_id"]: pool["status"] for pool in found if pool["labels"].get("slta.source") == SOURCE}

    def until_pools(self, **statuses: str) -> None:
        """The watcher's pools are these, by pod."""
        expected = {id_of(pod): status for pod, status in statuses.items()}
        until(lambda: self.own_pools() == expected, AWAY)

    def until_active(self, count: int) -> None:
        """So many of the watcher's pools are active."""
        until(lambda: list(self.own_pools().values()).count("active") == count, AWAY)

    def sessions(self) -> int:
        """Also those on draining pools."""
        return int(sum(self.fleet.call("GET", "state")["sessions"].values()))


def id_of(pod: str) -> str:
    return pool_id(pod, uid_of(pod))


@pytest.fixture
def scene(api: ScalingApiServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Watchers try again soon."""
    for module, name in (
        *((watcher, "FIRST_DELAY_SECONDS"), (watcher, "MAX_DELAY_SECONDS"), (watcher, "SETTLE_SECONDS")),
        *((lease, "RETRY_SECONDS"), (reconciler, "TICK_SECONDS"), (reconciler, "SPACING_SECONDS")),
        *((reconciler, "FIRST_DELAY_SECONDS"), (reconciler, "MAX_DELAY_SECONDS"), (vanished, "VANISHED_SECONDS")),
    ):
        monkeypatch.setattr(module, name, 0.05)
    token = tmp_path / "token"
    token.write_text("first\n")
    with ExitStack() as stack:
        yield Scene(api, fleet, token, stack)


class Clock:
    """Stands for `time` where the watcher measures graces: it goes on when the test says so."""

    now = 0.0
    plans = 0
    """How often the watcher has asked for it, once a plan."""

    def until_planned(self) -> None:
        """A plan of what is there now was made."""
        plans = self.plans
        until(lambda: self.plans >= plans + 2)

    def monotonic(self) -> float:
        self.plans += 1
        return self.now


@pytest.fixture
def clock(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Of the scene, whose pods may be away for `GRACE`."""
    made = Clock()
    monkeypatch.setattr(reconciler, "time", made)
    monkeypatch.setattr(vanished, "VANISHED_SECONDS", GRACE)
    return made
