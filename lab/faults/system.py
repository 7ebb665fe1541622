"""System in which a fault is planted: stores, relays, sentinels and dispatchers, processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.faults.load import FLEET, Load
from testbed.clusters import Cluster
from testbed.relay import Relay
from testbed.sentinels import Sentinel, until
from testbed.servers import Server, free_port
from testbed.service_process import ServiceProcess

NEIGHBOUR = "127.0.0.2"
"""Where replicas and sentinels connect from, so that a relay tells them from dispatchers."""
OPTIONS: Mapping[str, Sequence[str]] = {"async": (), "replicated": (), "fsync": ("--appendfsync", "always")}
"""Durability → what servers are told besides."""


@dataclass
class System:
    """System that a fault may touch. Numbers in lists: server 0 is the first master."""

    folder: Path
    mode: str
    binary: str
    """Binary of all servers."""
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
    cluster: Cluster | None = None
    """Its nodes are the servers; `relays` and `buses` stand before them, if the shape is relayed."""
    buses: list[Relay] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)
    """One for each fleet."""
    went_back: tuple[float, float] = (0.0, 0.0)
    """When the store broke, and when one that had gone back was reached, in seconds since 1970; 0 if none was."""
    notes: dict[str, Any] = field(default_factory=dict)
    """Further members of the record, by the fault."""

    @property
    def load(self) -> Load:
        """The only one, or the one that a fault is about."""
        return self.loads[0]

    def fleets(self) -> list[str]:
        """One, or one on each master of a cluster."""
        if not self.cluster:
            return [FLEET]
        return [self.cluster.fleet_on(master, FLEET) for master in self.cluster.masters()]

    def holder(self, fleet: str) -> Server:
        """The server that holds a fleet, once none changes its role any more."""
        if self.cluster:
            self.cluster.until(self.cluster.is_agreed)
            return self.cluster.owner(fleet)
        return self.servers[self.settled()]

    @property
    def urls(self) -> list[str]:
        """URLs of the dispatchers for clients."""
        ports = [front.port for front in self.fronts] or [dispatcher.port for dispatcher in self.dispatchers]
        return [f"http://127.0.0.1:{port}" for port in ports]

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
        server = Server(home, self.binary, "--port", str(port), *master, *options_of(self.mode), *options)
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
    """Parts of a system. `replicas` are besides the master."""

    dispatchers: int = 2
    replicas: int = 0
    relayed: bool = False
    sentinels: bool = False
    fronted: bool = False
    embedded: bool = False
    cluster: bool = False
    """Three masters with so many replicas each."""
    options: Sequence[str] = ()
    """Further options of the nodes of a cluster."""
    watched: Callable[[Path], Sequence[str]] = lambda _: ()
    """A server's folder → words before its command."""


SINGLE = Shape()
RELAYED = Shape(relayed=True)
SENTINEL = Shape(replicas=2, relayed=True, sentinels=True)
ONE_REPLICA = Shape(replicas=1, relayed=True, sentinels=True)
FRONTED = Shape(dispatchers=1, fronted=True)
EMBEDDED = Shape(dispatchers=1, embedded=True)
CLUSTER = Shape(replicas=1, cluster=True)
CLUSTER_BEHIND_RELAYS = Shape(replicas=1, cluster=True, relayed=True)
PATIENT_CLUSTER = Shape(replicas=1, cluster=True, options=("--cluster-node-timeout", "5000"))
MASTERS_ALONE = Shape(cluster=True)
SILENT_THIRD = Shape(dispatchers=3)
SILENT_BEHIND_SENTINELS = Shape(dispatchers=3, replicas=2, relayed=True, sentinels=True)


def source_of(number: int) -> str:
    """Source address of a node of a cluster, so that a relay tells it from others."""
    return f"127.0.0.{10 + number}"


def options_of(mode: str) -> list[str]:
    """Options of every server of a group."""
    return [*OPTIONS[mode], "--bind-source-addr", NEIGHBOUR, "--replica-announce-ip", "127.0.0.1"]
