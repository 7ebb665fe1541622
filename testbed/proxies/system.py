"""System on loopback, everything at once: pools, store, slta, a proxy on its recipe and the follower of its log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from testbed.follower import FollowerProcess
from testbed.proxies.pools import Pools
from testbed.proxies.proxy import Proxy, Setup, running
from testbed.scene import Scene
from testbed.servers import free_port
from testbed.service_process import key_file

FLEET = "f"
CLASSES: dict[str, float] = {"small": 20, "large": 30}
POOLS_PER_CLASS = 6
CURVES: dict[str, Any] = {name: {"kind": "log_share", "resource": resource} for name, resource in CLASSES.items()}
NAMES = [f"{name}-{k}" for name in CLASSES for k in range(1, POOLS_PER_CLASS + 1)]
OUTSIDE = "small-99"
"""A pool that runs and that no proxy has."""


class System(Scene):
    """The fleet's pools are behind the proxy. `setup` has the ports; `key` may do everything."""

    def __init__(
        self,
        proxy: Proxy,
        folder: Path,
        *,
        follow: bool = False,
        pools_of: Callable[[list[str]], Any] = Pools,
        capacity: int = 200,
        curves: Mapping[str, Any] = CURVES,
        **changes: Any,
    ) -> None:
        """`follow`: sessions end as in the log. `curves` are the utilities by class, `changes` fields of the setup."""
        keys, (self.key, self._place, self._complete) = key_file(folder, ["admin"], ["assign"], ["pool", "complete"])
        super().__init__(folder, FLEET, keys_file=keys)
        self.proxy, self.curves, self.pools = proxy, curves, pools_of([*NAMES, OUTSIDE])
        self._follows, self._capacity, self._changes = follow, capacity, changes

    def furnish(self, stack: ExitStack) -> None:
        stack.enter_context(self.pools)
        self.setup = _setup(self.folder, self.pools, self.service.port, {"key": self._place} | self._changes)
        self.define(self._capacity)
        self.join(NAMES)
        if self._follows:
            stack.enter_context(follower(self.proxy, self.setup, self._complete))
        self.process = stack.enter_context(running(self.proxy, self.setup))

    def live(self) -> int:
        """Connections that the proxy itself counts."""
        return self.proxy.live(self.setup)

    def followed(self) -> dict[str, float]:
        """The follower's figures by name and labels, without those that are 0."""
        lines = httpx.get(f"http://127.0.0.1:{self.setup.metrics}/metrics").text.splitlines()
        figures = (line.removeprefix("slta_follow_").rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in figures if float(value) and "_created" not in name}

    def pool(self, pool: str) -> Any:
        return self.call("GET", f"/pools/{pool}")

    def join(self, pools: Iterable[str]) -> None:
        """Add pools to the fleet, with their addresses; the proxy is not told."""
        self.add({pool: f"127.0.0.1:{self.pools.ports[pool]}" for pool in pools})

    def define(self, capacity: int, **members: object) -> None:
        """Make or change the fleet: the capacity of each pool, and other members."""
        self.put({name: (curve, capacity) for name, curve in self.curves.items()}, **members)


def follower(proxy: Proxy, setup: Setup, key: str) -> FollowerProcess:
    """`slta follow` of the proxy's log."""
    options = [*proxy.source(setup), "--lease", str(setup.lease), "--metrics-port", str(setup.metrics)]
    url = f"http://127.0.0.1:{setup.slta}"
    return FollowerProcess(url, setup.fleet, _made(setup.folder.parent / "follow"), *options, key=key)


def _setup(folder: Path, pools: Any, slta: int, fields: Mapping[str, Any]) -> Setup:
    ports = {name: port for name, port in pools.ports.items() if name != OUTSIDE}
    port, admin, spare, metrics = (free_port() for _ in range(4))
    made = Setup(
        folder=_made(folder / "proxy"), port=port, admin=admin, spare=spare, metrics=metrics, slta=slta, pools=ports
    )
    return replace(made, **fields)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
