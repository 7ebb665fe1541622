"""Topology of a cluster: the owner of each slot, from several nodes' replies to CLUSTER NODES."""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import NamedTuple

from slta.store.client.url import Address

SLOTS = 16_384

SlotRange = tuple[int, int]
"""First and last slot."""


def slot_of(key: str) -> int:
    """Slot of a key: CRC16 of its hash tag, if it has one that is not empty."""
    first = key.find("{") + 1
    last = key.find("}", first) if first else -1
    return crc_hqx((key[first:last] if last > first else key).encode(), 0) % SLOTS


class Node(NamedTuple):
    """A line of CLUSTER NODES. `addresses` are what the node announces, the one to connect to first.

    `is_own` if the node says it of itself. Slots that are being moved count as the old owner's until they have moved.
    """

    node_id: str
    addresses: tuple[Address, ...]
    epoch: int
    slots: tuple[SlotRange, ...]
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
    lines = (line.split() for line in text.splitlines())
    return [node for words in lines if (node := _parse_node(words, asked[0], by_name=by_name)).addresses]


def _parse_node(words: Sequence[str], own_host: str, *, by_name: bool) -> Node:
    node_id, names, flags, _, _, _, epoch, _, *slots = words
    address, _, announced = names.partition(",")
    ip, _, port = address.partition("@")[0].rpartition(":")
    is_own = "myself" in flags
    hosts = [ip or (own_host if is_own else ""), announced.partition(",")[0]]
    named = dict.fromkeys(reversed(hosts) if by_name else hosts)
    addresses = tuple((host, int(port)) for host in named if host) if port != "0" else ()
    return Node(node_id, addresses, int(epoch), tuple(_ranges(slots)), is_own)


def _ranges(words: Iterable[str]) -> Iterator[SlotRange]:
    for word in words:
        if not word.startswith("["):  # being imported or migrated
            first, _, last = word.partition("-")
            yield int(first), int(last or first)


class Topology:
    """Owners of all slots; of several claims to one the highest configuration epoch wins."""

    def __init__(self) -> None:
        self.masters: dict[Address, Node] = {}
        """Nodes that own slots."""
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

    def merge(self, views: Iterable[Iterable[Node]], asked: float) -> None:
        """Take over views that were asked for at `asked`. O(slots) if any differs from what is known.

        What a node says of itself is preferred, unless others know of a newer epoch.
        """
        found: dict[str, Node] = {}
        for node in (node for view in views for node in view):
            known = found.get(node.node_id)
            if known is None or (node.is_own, node.epoch) > (known.is_own, known.epoch):
                found[node.node_id] = node
        for node_id, known in self._nodes.items():  # a node that was cut off knows less than before
            if node_id in found and known.epoch > found[node_id].epoch:
                found[node_id] = known
        had_moved = bool(self._moved)
        self._moved = {slot: moved for slot, moved in self._moved.items() if moved[1] >= asked}
        if found != self._nodes or had_moved:
            self._nodes = found
            self._rebuild()

    def _rebuild(self) -> None:
        nodes = sorted(self._nodes.values(), key=lambda node: node.epoch)
        self._addresses = {address: node.address for node in nodes for address in node.addresses}
        owners: list[Address | None] = [None] * SLOTS
        for node in nodes:
            for first, last in node.slots:
                owners[first : last + 1] = [node.address] * (last + 1 - first)
        for slot, (address, _) in self._moved.items():
            owners[slot] = address
        self._owners, self._tags = owners, None
        self.masters = {node.address: node for node in nodes if any(owners[slot] == node.address for slot in _of(node))}

    def tags(self) -> tuple[str, ...]:
        """A hash tag for each master, in a slot of it: a name that no fleet can have. O(slots) after a change."""
        if self._tags is None:
            owned = {
                address: {slot for slot in _of(node) if self._owners[slot] == address}
                for address, node in self.masters.items()
            }
            self._tags = tuple(self._tag(slots) for slots in owned.values() if slots)
        return self._tags

    def _tag(self, slots: set[int]) -> str:
        """The first of the names `/0`, `/1`, … that lies in one of these slots, which are not empty."""
        slots = slots - self._moving or slots
        numbers = count(len(self._names))
        while not (known := slots & self._names.keys()):
            name = f"/{next(numbers)}"
            self._names.setdefault(slot_of(name), name)
        return self._names[min(known)]


def _of(node: Node) -> Iterator[int]:
    """The slots that a node claims."""
    return (slot for first, last in node.slots for slot in range(first, last + 1))
