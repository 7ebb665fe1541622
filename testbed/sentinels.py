"""Masters, replicas and sentinels, as processes on loopback ports."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from testbed import awaiting
from testbed.processes import Process
from testbed.servers import Server, free_port

QUORUM = 2
DOWN_AFTER_MS = 500
NAME = "main"
"""Name of the master at the sentinels."""


class Sentinel(Process):
    """A sentinel process of either kind of server."""

    def __init__(self, folder: Path, binary: str, *lines: str) -> None:
        port = free_port()
        file = folder / f"sentinel-{port}.conf"
        file.write_text("\n".join([f"port {port}", f"dir {folder}", *lines, ""]))
        super().__init__(binary, file, "--sentinel", port=port, stdout=subprocess.DEVNULL)

    def client(self) -> Any:
        return Redis(port=self.port, decode_responses=True)

    def master_port(self) -> int:
        """Port of the master, as this sentinel knows it."""
        with self.client() as client:
            return int(client.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", NAME)[1])

    def replicas(self) -> int:
        """Number of replicas that it knows."""
        with self.client() as client:
            return int(client.sentinel_master(NAME)["num-slaves"])

    def stop(self) -> None:
        self.kill()


def until(condition: Any) -> None:
    """Wait for a condition; a server that does not answer is not there yet."""
    awaiting.until(condition, passing=(RedisError,))


class Group:
    """A master with replicas, in one folder each.

    `ports` are those that others know them by. Where something stands in between, `behind` are the servers' own.
    """

    def __init__(
        self,
        folder: Path,
        binary: str,
        ports: Sequence[int],
        stack: ExitStack | AsyncExitStack,
        *,
        options: Sequence[str] = (),
        behind: Sequence[int] = (),
        under: Sequence[str] = (),
    ) -> None:
        self.ports = list(ports)
        self.servers = []
        for port, own in zip(ports, behind or ports, strict=True):
            home = folder / str(port)
            home.mkdir()
            follow = ["--replicaof", "127.0.0.1", str(self.ports[0])] if port != self.ports[0] else []
            known = ["--replica-announce-port", str(port)] if port != own else []
            words = ["--port", str(own), "--repl-diskless-sync-delay", "0", *follow, *known, *options]
            self.servers.append(stack.enter_context(Server(home, binary, *words, under=under)))

    def url(self, number: int = 0) -> str:
        return f"redis://127.0.0.1:{self.ports[number]}"

    def follows(self, number: int, master: int) -> bool:
        with self.servers[number].client() as client:
            told = client.info("replication")
            return bool(told["role"] == "slave" and told["master_port"] == self.ports[master]) and (
                told["master_link_status"] == "up"
            )

    def has_all_of(self, number: int, master: int) -> bool:
        """True if a replica has every write of its master."""
        with self.servers[number].client() as client, self.servers[master].client() as written:
            offset = written.info("replication")["master_repl_offset"]
            return bool(client.info("replication")["slave_repl_offset"] >= offset)

    def swap(self, old: int = 0, new: int = 1) -> None:
        """Fail over as a managed service does: the new master first, which has all writes, and connections stay."""
        until(lambda: self.has_all_of(new, old))
        with self.servers[old].client() as demoted, self.servers[new].client() as promoted:
            promoted.execute_command("REPLICAOF", "NO", "ONE")
            demoted.execute_command("REPLICAOF", "127.0.0.1", str(self.ports[new]))


@contextmanager
def group(folder: Path, binary: str, size: int) -> Iterator[Group]:
    """Group of so many servers on free ports, once the replicas follow."""
    with ExitStack() as stack:
        made = Group(folder, binary, [free_port() for _ in range(size)], stack)
        for number in range(1, size):
            until(lambda number=number: made.follows(number, 0))
        yield made


@contextmanager
def watching(folder: Path, binary: str, servers: Group, *lines: str) -> Iterator[list[Sentinel]]:
    """Three sentinels that know a group and each other; `lines` are further ones of their configuration."""
    configured = [
        f"sentinel monitor {NAME} 127.0.0.1 {servers.ports[0]} {QUORUM}",
        f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}",
        f"sentinel failover-timeout {NAME} 5000",
        *lines,
    ]
    with ExitStack() as stack:
        sentinels = [stack.enter_context(Sentinel(folder, binary, *configured)) for _ in range(3)]
        for sentinel in sentinels:
            with sentinel.client() as client:
                until(lambda client=client: _knows_all(client.sentinel_master(NAME), len(servers.ports) - 1))
        yield sentinels


def _knows_all(state: Any, replicas: int) -> bool:
    return (state["num-slaves"], state["num-other-sentinels"]) == (replicas, 2)


def sentinel_url(ports: Sequence[int]) -> str:
    """The URL of a master behind sentinels on these ports."""
    return f"redis+sentinel://{','.join(f'127.0.0.1:{port}' for port in ports)}/{NAME}"
