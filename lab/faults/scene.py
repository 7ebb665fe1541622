"""Where a fault is planted: stores, relays, sentinels and dispatchers, all of them processes of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.faults.load import Load
from slta.store.embedded.data_dir import SOCKET_NAME
from tests.relay import Relay
from tests.sentinels import Group, Sentinel, sentinel_url, until, watching
from tests.servers import Server, free_port
from tests.service_process import ServiceProcess

NEIGHBOUR = "127.0.0.2"
"""Where replicas and sentinels connect from, so that a relay tells them from dispatchers."""
OPTIONS: Mapping[str, Sequence[str]] = {"async": (), "replicated": (), "fsync": ("--appendfsync", "always")}
"""Durability → what servers are told besides."""


@dataclass
class Scene:
    """What a fault may touch. Numbers in lists: server 0 is the first master."""

    folder: Path
    mode: str
    binary: str
    """Of all servers."""
    stack: AsyncExitStack
    """Ends what was started."""
    dispatchers: list[ServiceProcess] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)
    relays: list[Relay] = field(default_factory=list)
    """One before each server, where there are any: `rule` is the fault."""
    sentinels: list[Sentinel] = field(default_factory=list)
    fronts: list[Relay] = field(default_factory=list)
    """One before each dispatcher, where there are any."""
    views: list[list[Relay]] = field(default_factory=list)
    """For each dispatcher a relay before each sentinel."""
    load: Load = field(init=False)
    went_back: tuple[float, float] = (0.0, 0.0)
    """When the store broke, and when one that had gone back was reached, in seconds since 1970; 0 if none was."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What a fault wants the record to hold besides."""

    @property
    def urls(self) -> list[str]:
        """Where clients find the dispatchers."""
        ports = [front.port for front in self.fronts] or [dispatcher.port for dispatcher in self.dispatchers]
        return [f"http://127.0.0.1:{port}" for port in ports]

    @property
    def logs(self) -> list[Path]:
        """What the dispatchers wrote."""
        return [dispatcher.log for dispatcher in self.dispatchers]

    def named(self) -> set[int]:
        """The numbers of the servers that sentinels name as the master: for a moment there may be two."""
        ports = [relay.port for relay in self.relays]
        return {ports.index(sentinel.master_port()) for sentinel in self.sentinels}

    def join(self, *options: str) -> Server:
        """One more replica of the first master, once it follows."""
        port = free_port()
        home = self.folder / str(port)
        home.mkdir()
        master = ["--replicaof", "127.0.0.1", str(self.relays[0].port)]
        server = Server(home, self.binary, "--port", str(port), *master, *_options(self.mode), *options)
        self.stack.callback(server.kill)
        server.start()
        until(lambda: _follows(server, self.relays[0].port))
        return server

    def promoted(self) -> int:
        """The new master's number, once all sentinels name one."""
        until(lambda: len(self.named()) == 1 and self.named() != {0})
        return self.named().pop()

    def settled(self) -> int:
        """The master's number, once all sentinels name it and all others follow it."""
        if not self.sentinels:
            return 0
        until(lambda: len(self.named()) == 1)
        [master] = self.named()
        others = [server for server in self.servers if server is not self.servers[master]]
        until(lambda: all(_follows(server, self.relays[master].port) for server in others))
        return master


def _follows(server: Server, port: int) -> bool:
    with server.client() as redis:
        told = redis.info("replication")
        return (told["role"], told.get("master_port"), told.get("master_link_status")) == ("slave", port, "up")


@dataclass(frozen=True)
class Shape:
    """What a scene is made of. `replicas` are besides the master."""

    dispatchers: int = 2
    replicas: int = 0
    relayed: bool = False
    sentinels: bool = False
    fronted: bool = False
    embedded: bool = False
    watched: Callable[[Path], Sequence[str]] = lambda _: ()
    """A server's folder → words before its command."""


SINGLE = Shape()
RELAYED = Shape(relayed=True)
SENTINEL = Shape(replicas=2, relayed=True, sentinels=True)
ONE_REPLICA = Shape(replicas=1, relayed=True, sentinels=True)
FRONTED = Shape(dispatchers=1, fronted=True)
EMBEDDED = Shape(dispatchers=1, embedded=True)
SILENT_THIRD = Shape(dispatchers=3)
SILENT_BEHIND_SENTINELS = Shape(dispatchers=3, replicas=2, relayed=True, sentinels=True)


@asynccontextmanager
async def scene(folder: Path, shape: Shape, mode: str, binary: str) -> AsyncIterator[Scene]:
    """Everything started and ready, and ended by the end of the block."""
    async with AsyncExitStack() as stack:
        made = Scene(folder, mode, binary, stack)
        if not shape.embedded:
            await _start_servers(made, shape)
        await _start_dispatchers(made, shape)
        yield made


async def _start_servers(made: Scene, shape: Shape) -> None:
    replicas = shape.replicas or (1 if made.mode == "replicated" else 0)
    own = [free_port() for _ in range(1 + replicas)]
    if shape.relayed:
        made.relays = [await _relay(made, port) for port in own]
    public = [relay.port for relay in made.relays] or own
    servers = await asyncio.to_thread(
        Group,
        made.folder,
        made.binary,
        public,
        made.stack,
        options=_options(made.mode),
        behind=own,
        under=shape.watched(made.folder / str(public[0])),
    )
    made.servers = servers.servers
    for number in range(1, 1 + replicas):
        await asyncio.to_thread(until, lambda number=number: servers.follows(number, 0))
    if shape.sentinels:
        options = f"bind-source-addr {NEIGHBOUR}", "sentinel announce-ip 127.0.0.1"
        watched = watching(made.folder, made.binary, servers, *options)
        made.sentinels = await asyncio.to_thread(watched.__enter__)
        made.stack.push(watched)


def _options(mode: str) -> list[str]:
    return [*OPTIONS[mode], "--bind-source-addr", NEIGHBOUR, "--replica-announce-ip", "127.0.0.1"]


async def _relay(made: Scene, port: int) -> Relay:
    relay = Relay(port)
    await relay.listen()
    made.stack.push_async_callback(relay.stop)
    return relay


async def _start_dispatchers(made: Scene, shape: Shape) -> None:
    settings = {"SLTA_DURABILITY": made.mode, "SLTA_LOG_FORMAT": "json"}
    if made.mode == "replicated":
        settings["SLTA_STORE_REPLICAS"] = str(len(made.servers) - 1)
    for number in range(shape.dispatchers):
        folder = made.folder / f"dispatcher-{number}"
        folder.mkdir()
        where = {"SLTA_STORE_BINARY": made.binary} if shape.embedded else {"SLTA_STORE_URL": await _url(made)}
        dispatcher = ServiceProcess(folder, settings=settings | where)
        made.dispatchers.append(dispatcher)
        if shape.embedded:
            made.servers.append(_of_its_own(folder, made.binary))
        made.stack.callback(dispatcher.end if shape.embedded else dispatcher.kill)  # its store saves before it ends
        if shape.fronted:
            made.fronts.append(await _relay(made, dispatcher.port))
    await asyncio.gather(*(asyncio.to_thread(dispatcher.start) for dispatcher in made.dispatchers))


def _of_its_own(folder: Path, binary: str) -> Server:
    """The store that a dispatcher owns, for a client: the dispatcher starts and ends it."""
    server = Server(folder / "data", binary)
    server.url = f"unix://{folder}/data/{SOCKET_NAME}"
    return server


async def _url(made: Scene) -> str:
    """Where a dispatcher finds its store: by relays of its own to the sentinels, if there are any."""
    if made.sentinels:
        made.views.append([await _relay(made, sentinel.port) for sentinel in made.sentinels])
        return sentinel_url([relay.port for relay in made.views[-1]])
    if made.relays:
        return f"redis://127.0.0.1:{made.relays[0].port}"
    return made.servers[0].url
