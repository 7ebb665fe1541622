"""System on loopback, everything at once: pools, store, slta, a proxy on its recipe and the follower of its log."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import yaml

from slta.auth.keys import generate_key
from testbed import processes
from testbed.awaiting import until
from testbed.proxies.pools import Pools
from testbed.proxies.proxy import Proxy, Setup, running
from testbed.servers import EMBEDDED, Server, free_port, started
from testbed.service_process import ServiceProcess

FLEET = "f"
CLASSES: dict[str, float] = {"small": 20, "large": 30}
POOLS_PER_CLASS = 6
CURVES: dict[str, Any] = {name: {"kind": "log_share", "resource": resource} for name, resource in CLASSES.items()}
NAMES = [f"{name}-{k}" for name in CLASSES for k in range(1, POOLS_PER_CLASS + 1)]
OUTSIDE = "small-99"
"""A pool that runs and that no proxy has."""


@dataclass(frozen=True)
class System:
    """System that runs. `setup` has the ports; `key` may do everything; `curves` are the utilities by class."""

    proxy: Proxy
    setup: Setup
    pools: Pools
    store: Server
    service: ServiceProcess
    key: str
    curves: Mapping[str, Any]
    process: subprocess.Popen[bytes] | None = None
    """Of the proxy."""

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Of slta's API below the fleet; the answer's JSON."""
        return self.service.call(method, f"/v1/fleets/{FLEET}{path}", body, self.key)

    def active(self) -> int:
        """Sessions that slta counts on active pools."""
        return int(self.call("GET", "/state")["sessions"]["active"])

    def live(self) -> int:
        """Connections that the proxy itself counts."""
        return self.proxy.live(self.setup)

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

    def followed(self) -> dict[str, float]:
        """The follower's figures by name and labels, without those that are 0."""
        lines = httpx.get(f"http://127.0.0.1:{self.setup.metrics}/metrics").text.splitlines()
        figures = (line.removeprefix("slta_follow_").rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in figures if float(value) and "_created" not in name}

    def pool(self, pool: str) -> Any:
        return self.call("GET", f"/pools/{pool}")

    def add(self, pools: Iterable[str]) -> None:
        """To the fleet, with their addresses; the proxy is not told."""
        rows = [
            {"pool_id": pool, "pool_class": pool.partition("-")[0], "address": f"127.0.0.1:{self.pools.ports[pool]}"}
            for pool in pools
        ]
        self.call("POST", "/pools", {"pools": rows})

    def define(self, capacity: int, **members: object) -> None:
        """Make or change the fleet: the capacity of each pool, and other members."""
        classes = [{"name": name, "utility": utility, "capacity": capacity} for name, utility in self.curves.items()]
        self.call("PUT", "", {"classes": classes, **members})


@contextmanager
def system(
    proxy: Proxy,
    folder: Path,
    *,
    follow: bool = False,
    pools_of: Callable[[list[str]], AbstractContextManager[Any]] = Pools,
    capacity: int = 200,
    curves: Mapping[str, Any] = CURVES,
    **changes: Any,
) -> Iterator[System]:
    """All of it, ended in reverse order. `follow`: sessions end as in the log. `changes` are fields of the setup."""
    with ExitStack() as stack:
        pools = stack.enter_context(pools_of([*NAMES, OUTSIDE]))
        keys, (admin, place, complete) = _keys(folder, ["admin"], ["assign"], ["pool", "complete"])
        store = stack.enter_context(started(_made(folder / "store"), EMBEDDED))
        settings = {"SLTA_STORE_URL": store.url, "SLTA_LOG_FORMAT": "json"}
        service = stack.enter_context(ServiceProcess(folder, keys, settings=settings))
        setup = _setup(folder, pools, service.port, {"key": place} | changes)
        made = System(proxy, setup, pools, store, service, admin, curves)
        made.define(capacity)
        made.add(NAMES)
        if follow:
            stack.enter_context(follower(proxy, made.setup, complete))
        yield replace(made, process=stack.enter_context(running(proxy, made.setup)))


@contextmanager
def follower(proxy: Proxy, setup: Setup, key: str) -> Iterator[subprocess.Popen[bytes]]:
    """`slta follow` of the proxy's log."""
    state = setup.folder.parent / "follow"
    options = ["--fleet", setup.fleet, "--url", f"http://127.0.0.1:{setup.slta}", "--state-dir", str(state)]
    command = [sys.executable, "-m", "slta.cli", "follow", *options, *proxy.source(setup)]
    command += ["--lease", str(setup.lease), "--metrics-port", str(setup.metrics)]
    own = os.environ | {"SLTA_KEY": key}
    with (
        state.with_suffix(".log").open("ab") as log,
        processes.running(*command, stdout=log, stderr=log, env=own) as process,
    ):
        until((state / "position.json").exists)
        yield process


def _setup(folder: Path, pools: Any, slta: int, fields: Mapping[str, Any]) -> Setup:
    ports = {name: port for name, port in pools.ports.items() if name != OUTSIDE}
    port, admin, spare, metrics = (free_port() for _ in range(4))
    made = Setup(
        folder=_made(folder / "proxy"), port=port, admin=admin, spare=spare, metrics=metrics, slta=slta, pools=ports
    )
    return replace(made, **fields)


def _keys(folder: Path, *scopes: Sequence[Any]) -> tuple[Path, list[str]]:
    """The key file and a key for each list of scopes."""
    made = [generate_key(list(one)) for one in scopes]
    entries = [entry.model_dump(mode="json", exclude_none=True) for _, entry in made]
    file = folder / "keys.yaml"
    file.write_text(yaml.safe_dump({"keys": entries}), encoding="utf-8")
    return file, [key for key, _ in made]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
