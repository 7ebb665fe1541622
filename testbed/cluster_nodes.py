"""Nodes of a cluster, and the view that each has of all others."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Self

from testbed.servers import Server

NODE_TIMEOUT_MS = 1_500
WORDS = "--cluster-enabled yes --cluster-require-full-coverage no --cluster-allow-replica-migration no"
"""Without the last one, a master that gives its last slot away would become a replica."""


class NodeLine(NamedTuple):
    """One line of CLUSTER NODES."""

    node_id: str
    port: int
    """Port for clients."""
    host: str
    """The host name that it announces, '' if none."""
    flags: tuple[str, ...]
    master: str
    """The node id of a replica's master, `-` for a master."""
    epoch: int
    slots: tuple[range, ...]

    def owns(self, slot: int) -> bool:
        return any(slot in owned for owned in self.slots)


class Node(Server):
    """A node of a cluster. `port` and `bus` are those that others know it by."""

    is_up = False
    """True while it runs and is not frozen."""

    def __init__(
        self,
        folder: Path,
        binary: str,
        own: tuple[int, int],
        *options: str,
        port: int = 0,
        bus: int = 0,
        source: str = "",
    ) -> None:
        """`own` are the ports that it listens on.

        `port` and `bus` are given where something stands in between; `source`: the address it connects from.
        """
        self.own_port, self.own_bus = own
        port, self.bus = port or self.own_port, bus or self.own_bus
        words = f"--port {self.own_port} --cluster-port {self.own_bus} --repl-diskless-sync-delay 0"
        words += f" --cluster-node-timeout {NODE_TIMEOUT_MS} --cluster-announce-ip 127.0.0.1"
        words += f" --cluster-announce-port {port} --cluster-announce-bus-port {self.bus}"
        words += f" --bind-source-addr {source}" if source else ""
        super().__init__(folder, binary, *WORDS.split(), *words.split(), *options)
        self.port = port

    def start(self) -> Self:
        super().start()
        self.is_up = True
        return self

    def kill(self) -> None:
        self.is_up = False
        super().kill()

    def freeze(self) -> None:
        self.is_up = False
        super().freeze()

    def thaw(self) -> None:
        super().thaw()
        self.is_up = True

    def ask(self, *words: str | int) -> Any:
        """The answer to one command, as the server gives it."""
        with self.client() as client:
            client.response_callbacks.clear()
            return client.execute_command(*words)

    def node_id(self) -> str:
        return str(self.ask("CLUSTER", "MYID"))

    def known(self) -> list[NodeLine]:
        """Its view of all nodes."""
        return [node_line(line) for line in self.ask("CLUSTER", "NODES").splitlines()]

    def is_sound(self) -> bool:
        """True if it serves its slots, which it does some two seconds after it has started."""
        return "cluster_state:ok" in self.ask("CLUSTER", "INFO")

    def is_linked(self) -> bool:
        """True for a replica whose master answers it."""
        return "master_link_status:up" in self.ask("INFO", "replication")


def node_line(line: str) -> NodeLine:
    """Line of CLUSTER NODES, parsed."""
    node_id, address, flags, master, _, _, epoch, _, *slots = line.split()
    port = address.partition("@")[0].rpartition(":")[2]
    host = address.partition(",")[2].partition(",")[0]
    ends = (slot.partition("-") for slot in slots if not slot.startswith("["))  # in brackets: slots on the move
    owned = tuple(range(int(first), int(last or first) + 1) for first, _, last in ends)
    return NodeLine(node_id, int(port), host, tuple(flags.split(",")), master, int(epoch), owned)
