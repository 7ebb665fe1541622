"""Topology of a cluster: the owner of each slot, from several nodes' replies to CLUSTER NODES."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import count
from typing import NamedTuple

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from slta.store._client.url import Address

SLOTS = REDIS_CLUSTER_HASH_SLOTS
SLOT_RANGES = re.compile(r"(\d{1,5}(-\d{1,5})?( |$))*")


def slot_of(key: str) -> int:
    """Slot of a key: CRC16 of its hash tag, if it has one that is not empty."""
    return key_slot(key.encode())


class Node(NamedTuple):
    """A line of CLUSTER NODES. `addresses` are what the node announces, the one to connect to first.

    `is_own` if the node says it of itself. `slots` stay as in the line, such as `0-99 200`: most are only compared.
    Slots that are being moved count as the old owner's until they have moved.
    """

    node_id: str
    addresses: tuple[Address, ...]
    epoch: int
    slots: str
    is_own: bool

    @property
    def address(self) -> Address:
        """The address to connect to."""
        return self.addresses[0]


def parse_nodes(text: str, asked: Address, *, by_name: bool) -> list[Node]:
    """Parse a reply of the node at `asked`, which may not know its own host. Nodes without an address are left out.

    `by_name`: connect to the host names that nodes announce, as certificates require. A name that stops resolving with
    its node holds up the lookups of all others, so without TLS addresses are better.
    """
    lines = (line.split(maxsplit=8) for line in text.splitlines())
    return [node for words in lines if (node := _parse_node(words, asked[0], by_name=by_name)).addresses]


def _parse_node(words: Sequence[str], own_host: str, *, by_name: bool) -> Node:
    node_id, names, flags, _, _, _, epoch, _, *rest = words
    slots = "".join(rest).partition("[")[0].rstrip()  # in brackets: being imported or migrated
    if not SLOT_RANGES.fullmatch(slots):
        raise ValueError(slots)
    address, _, announced = names.partition(",")
    ip, _, port = address.partition("@")[0].rpartition(":")
    is_own = "myself" in flags
    hosts = [ip or (own_host if is_own else ""), announced.partition(",")[0]]
    named = dict.fromkeys(reversed(hosts) if by_name else hosts)
    addresses = tuple((host, int(port)) for host in named if host) if port != "0" else ()
    return Node(node_id, addresses, int(epoch), slots, is_own)


class Topology:
    """Owners of all slots; of several claims to one the highest configuration epoch wins."""

    def __init__(self) -> None:
        self.masters: dict[Address, Node] = {}
        """Nodes that own slots."""
        self.strangers: Collection[Address] = ()
        """Addresses where nodes of another cluster replied: they own nothing here."""
        self._nodes: dict[str, Node] = {}
        self._addresses: dict[Address, Address] = {}
        self._owners: list[Address | None] = [None] * SLOTS
        self._moved: dict[int, tuple[Address, float]] = {}
        self._names: dict[int, str] = {}
        self._tags: tuple[str, ...] | None = ()
        self._moving: set[int] = set()

    def owner(self, slot: int) -> Address | None:
        """Address of the slot's master; None if no known node owns it."""
        return self._owners[slot]

    @property
    def unowned_slots(self) -> int:
        """Number of slots that no known node owns; 0 before any node is known."""
        return self._owners.count(None) if self._nodes else 0

    def address(self, announced: Address) -> Address | None:
        """Address to connect to of a node that announces this one; None if it is unknown."""
        return self._addresses.get(announced)

    def addresses(self) -> set[Address]:
        """Addresses of all nodes."""
        return set(self._addresses.values())

    def targets(self) -> set[Address]:
        """Addresses of all masters, also of those that only MOVED replies name."""
        return self.masters.keys() | {address for address, _ in self._moved.values()}

    def moved(self, slot: int, address: Address, now: float) -> None:
        """Believe a MOVED reply, until a view that was asked for later says otherwise."""
        self._owners[slot] = address
        self._moved[slot] = address, now
        self._tags = None

    def moving(self, slot: int) -> None:
        """Choose no tag in this slot, which is being moved, while the master has another one."""
        self._moving.add(slot)
        self._tags = None

    def agrees(self, view: Iterable[Node]) -> bool:
        """Whether a view has the nodes that are known, with the same slots or an older epoch."""
        told = {node.node_id: node for node in view}
        return told.keys() == self._nodes.keys() and all(
            node.epoch < (known := self._nodes[node_id]).epoch or node[2:4] == known[2:4]
            for node_id, node in told.items()
        )

    def split(self, views: Mapping[Address, Sequence[Node]]) -> tuple[list[Sequence[Node]], list[Address]]:
        """Views of this cluster, and the addresses of all others: views of one cluster share node ids.

        While no master is known it is the one that owns slots. If several do: none, and an address of each.
        """
        owning = [address for address, view in views.items() if any(node.slots for node in view)]
        first = () if self.masters else (owning or list(views))[:1]
        ids = {node.node_id for address in first for node in views[address]} or set(self._nodes)
        own, left = [], dict(views)
        while found := [address for address, view in left.items() if any(node.node_id in ids for node in view)]:
            own += [left.pop(address) for address in found]
            ids |= {node.node_id for view in own for node in view}
        others = [address for address in owning if address in left]
        if others and not self.masters:
            return [], [owning[0], others[0]]
        return own, list(left)

    def merge(self, views: Sequence[Sequence[Node]], asked: float, strangers: Collection[Address] = ()) -> None:
        """Take over views that were asked for at `asked`. O(slots) if any differs from what is known.

        What a node says of itself is preferred, unless others know of a newer epoch. Of fewer than half of the masters,
        no view makes a node forgotten.
        """
        found: dict[str, Node] = {}
        for node in (node for view in views for node in view):
            known = found.get(node.node_id)
            if known is None or (node.epoch, node.is_own) > (known.epoch, known.is_own):
                found[node.node_id] = node
        heard = sum(node.is_own and node.address in self.masters for view in views for node in view)
        is_minority = 2 * heard < len(self.masters)
        for node_id, known in self._nodes.items():  # a node that was cut off knows less than before
            if known.epoch > found[node_id].epoch if node_id in found else is_minority:
                found[node_id] = known
        had_moved = bool(self._moved)
        self._moved = {slot: moved for slot, moved in self._moved.items() if moved[1] >= asked}
        if (found, strangers) != (self._nodes, self.strangers) or had_moved:
            self._nodes, self.strangers = found, strangers
            self._rebuild()

    def _rebuild(self) -> None:
        friends = (node for node in self._nodes.values() if node.address not in self.strangers)
        nodes = sorted(friends, key=lambda node: node.epoch)
        self._addresses = {address: node.address for node in nodes for address in node.addresses}
        owners: list[Address | None] = [None] * SLOTS
        for node in nodes:
            for word in node.slots.split():
                first, _, last = word.partition("-")
                start, end = int(first), int(last or first) + 1
                owners[start:end] = [node.address] * (end - start)
        for slot, (address, _) in self._moved.items():
            owners[slot] = address
        self._owners, self._tags = owners, None
        owning = set(owners)
        self.masters = {node.address: node for node in nodes if node.address in owning}

    def tags(self) -> tuple[str, ...]:
        """A hash tag for each master, in a slot of it: a name that no fleet can have. O(slots) after a change."""
        if self._tags is None:
            owned = defaultdict[Address | None, set[int]](set)
            for slot, owner in enumerate(self._owners):
                owned[owner].add(slot)
            self._tags = tuple(self._tag(slots) for owner, slots in owned.items() if owner in self.masters)
        return self._tags

    def _tag(self, slots: set[int]) -> str:
        """The first of the names `/0`, `/1`, … that lies in one of these slots, which are not empty."""
        slots = slots - self._moving or slots
        numbers = count(len(self._names))
        while not (known := slots & self._names.keys()):
            name = f"/{next(numbers)}"
            self._names.setdefault(slot_of(name), name)
        return self._names[min(known)]
