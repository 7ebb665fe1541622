"""Clusters of masters and replicas, as processes on loopback ports, and what happens to their slots."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, product
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from testbed import awaiting
from testbed.cluster_nodes import Node, NodeLine
from testbed.servers import EMBEDDED, free_port

SLOTS = 16_384
MASTERS = 3
MIGRATE_TIMEOUT_MS = 5_000
MAX_KEYS = 1_000_000
"""Keys of one slot that is moved key by key."""


def slot_of(fleet: str) -> int:
    """The slot of all keys of a fleet."""
    return binascii.crc_hqx(fleet.encode(), 0) % SLOTS


@dataclass
class Cluster:
    """Masters first, then the replica of each. Errors of nodes that do not answer are waited out."""

    folder: Path
    binary: str
    options: Sequence[str]
    nodes: list[Node] = field(default_factory=list)
    _ports: set[int] = field(default_factory=set)

    @property
    def url(self) -> str:
        """URL of the nodes that were masters at first."""
        return f"redis+cluster://{','.join(f'127.0.0.1:{node.port}' for node in self.nodes[:MASTERS])}"

    def masters(self) -> list[Node]:
        """Nodes that own slots."""
        ports = {known.port for known in self._view() if known.slots}
        return [node for node in self.nodes if node.port in ports]

    def owner(self, slot: int | str) -> Node:
        """The master of a slot, or of a fleet's."""
        return self._by_port(next(known.port for known in self._view() if known.owns(_number(slot))))

    def replicas(self, master: Node) -> list[Node]:
        """Replicas of a master, as the cluster knows them."""
        view = self._view()
        [node_id] = [known.node_id for known in view if known.port == master.port]
        return [self._by_port(known.port) for known in view if known.master == node_id]

    def fleet_on(self, master: Node, prefix: str = "fleet") -> str:
        """The first name `prefix-n` whose slot the master owns."""
        [known] = [known for known in self._view() if known.port == master.port]
        return next(name for n in count() if known.owns(slot_of(name := f"{prefix}-{n}")))

    def promoted(self, master: Node) -> Node:
        """The replica that has taken a master's place, which is killed or frozen."""
        heirs = self.replicas(master)
        self.until(lambda: any(heir in self.masters() for heir in heirs))
        [heir] = [heir for heir in heirs if heir in self.masters()]
        self.until(heir.is_sound)
        return heir

    def restart(self, node: Node) -> None:
        """Start a node that was killed, and wait until it serves slots or follows a master."""
        node.start()
        self.until(lambda: node.is_sound() and (node in self.masters() or node.is_linked()))

    def add(self, **known: Any) -> Node:
        """A node that is not started; `known` as for a Node."""
        home = self.folder / str(len(self.nodes))
        home.mkdir()
        node = Node(home, self.binary, (self._new_port(), self._new_port()), *self.options, **known)
        self.nodes.append(node)
        return node

    def add_master(self) -> Node:
        """Node without slots and replicas, once all know it."""
        node = self.add()
        node.start()
        self.introduce([node])
        self.until(lambda: self.is_agreed() and node.is_sound())
        return node

    def introduce(self, nodes: Sequence[Node]) -> None:
        """Introduce each of these nodes to all others: sooner than by gossip."""
        for node, other in product(nodes, self.nodes):
            if node is not other:
                node.ask("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus)

    def moves_atomically(self) -> bool:
        """True if the servers have CLUSTER MIGRATESLOTS: Valkey from version 9 on."""
        return bool(self.nodes[0].ask("COMMAND", "INFO", "CLUSTER|MIGRATESLOTS")[0])

    def move(self, slot: int | str, target: Node) -> None:
        """Move a slot, atomically where the servers can, and wait for the end."""
        number = _number(slot)
        if not self.moves_atomically():
            for _ in self.move_stepwise(number, target):
                pass
            return
        words = "SLOTSRANGE", number, number, "NODE", target.node_id()
        self.owner(number).ask("CLUSTER", "MIGRATESLOTS", *words)
        self.until(lambda: self._all_name(number, target))

    def move_stepwise(self, slot: int | str, target: Node) -> Iterator[str]:
        """Move a slot key by key, as the servers' own tools do. Yields the name of each step done; exhaust it."""
        number, source = _number(slot), self.owner(slot)
        target.ask("CLUSTER", "SETSLOT", number, "IMPORTING", source.node_id())
        yield "importing"
        source.ask("CLUSTER", "SETSLOT", number, "MIGRATING", target.node_id())
        yield "migrating"
        for key in sorted(source.ask("CLUSTER", "GETKEYSINSLOT", number, MAX_KEYS)):
            source.ask("MIGRATE", "127.0.0.1", target.own_port, "", 0, MIGRATE_TIMEOUT_MS, "KEYS", key)
            yield key
        target.ask("CLUSTER", "SETSLOT", number, "NODE", target.node_id())
        yield "target owns it"
        source.ask("CLUSTER", "SETSLOT", number, "NODE", target.node_id())
        self.until(lambda: self._all_name(number, target))
        yield "moved"

    def require_full_coverage(self, is_required: bool) -> None:
        """`cluster-require-full-coverage` of every node."""
        for node in self._up():
            node.ask("CONFIG", "SET", "cluster-require-full-coverage", "yes" if is_required else "no")

    def allow(self, user: str, *rules: str) -> None:
        """Make a user with these rights on every node."""
        for node in self._up():
            node.ask("ACL", "SETUSER", user, *rules)

    def is_agreed(self) -> bool:
        """True if all nodes that are up know all nodes, and the same owners of slots."""
        views = [{(known.port, known.slots) for known in node.known()} for node in self._up()]
        return len(views[0]) == len(self.nodes) and all(view == views[0] for view in views)

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition; a node that does not answer is not there yet."""
        awaiting.until(condition, passing=(RedisError,))

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def _new_port(self) -> int:
        """A port that nobody listens on, and that was not given to another node that may not have started yet."""
        while (port := free_port()) in self._ports:
            pass
        self._ports.add(port)
        return port

    def _up(self) -> list[Node]:
        return [node for node in self.nodes if node.is_up]

    def _view(self) -> list[NodeLine]:
        """View of the node that has heard of the newest epoch, which each change of a slot's owner raises."""
        return max((node.known() for node in self._up()), key=lambda view: max(known.epoch for known in view))

    def _by_port(self, port: int) -> Node:
        [node] = [node for node in self.nodes if node.port == port]
        return node

    def _all_name(self, slot: int, owner: Node) -> bool:
        names = [next(known.port for known in node.known() if known.owns(slot)) for node in self._up()]
        return set(names) == {owner.port}


def _number(slot: int | str) -> int:
    return slot if isinstance(slot, int) else slot_of(slot)


@contextmanager
def cluster(folder: Path, binary: str = EMBEDDED, *options: str, replicas: int = 1) -> Iterator[Cluster]:
    """Masters with so many replicas each, which serve all slots. Takes the two seconds a node waits at first."""
    made = Cluster(folder, binary, options)
    for _ in range(MASTERS * (1 + replicas)):
        made.add()
    try:
        form(made)
        yield made
    finally:
        made.stop()


def form(made: Cluster) -> None:
    """Start the nodes of a cluster, share the slots out among the masters, and await that all are served."""
    with ThreadPoolExecutor(len(made.nodes)) as threads:
        list(threads.map(Node.start, made.nodes))
    masters, replicas = made.nodes[:MASTERS], made.nodes[MASTERS:]
    bounds = [number * SLOTS // MASTERS for number in range(MASTERS + 1)]
    for number, master in enumerate(masters):
        master.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        master.ask("CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
    made.introduce(made.nodes)
    made.until(made.is_agreed)
    for number, replica in enumerate(replicas):
        replica.ask("CLUSTER", "REPLICATE", masters[number % MASTERS].node_id())
    made.until(lambda: all(node.is_sound() for node in made.nodes) and all(map(Node.is_linked, replicas)))
    made.until(lambda: all(len(made.replicas(master)) * MASTERS == len(replicas) for master in masters))
