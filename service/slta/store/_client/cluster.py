"""Cluster discovery: the master of each slot, by CLUSTER NODES and by MOVED replies."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

from redis.asyncio import ConnectionPool, Redis, SSLConnection
from redis.exceptions import AskError, MovedError, ResponseError

from slta.store._client.failures import NotSentError, UnknownNodeError, UnsuitableServerError
from slta.store._client.name_lookup import resolving
from slta.store._client.routing import OnChange, Routing, connection_options
from slta.store._client.topology import SLOTS, Node, Topology, parse_nodes, slot_of
from slta.store._client.url import Address, StoreAddress

MIN_GAP_SECONDS = 0.2
"""Time between the beginnings of two rounds of questions."""
STRAGGLING_SECONDS = 0.05
"""How long a round waits for the other nodes after the first reply: one that is frozen must not delay it."""
FIRST_SECONDS = 0.5
"""The same while no master is known: nodes of two clusters must not be told apart by who is first."""
TURN_SECONDS = 0.2
"""How long the master in turn has to reply before all are asked."""
APART_SECONDS = 10.0
"""How long the nodes of a URL may be of two clusters: those of one that is being made are, until they have met."""
LEARNED_FROM = frozenset(
    {"readonly", "masterdown", "loading", "clusterdown", "timeout", "connection", "dns", "left", "unconfirmed"}
)
"""Kinds of failures, besides MOVED, after which the nodes are asked again."""


class Cluster(Routing):
    """Routing to the masters of a cluster: a fleet is one slot. Replicas are not read, and ASK is not followed.

    Nothing is asked before a connection: a node that is no longer the slot's master says so.
    """

    def __init__(self, address: StoreAddress, options: dict[str, Any], on_change: OnChange) -> None:
        """`options` are defaults of the connections; those of the URL take precedence."""
        self._seeds = address.nodes
        self._options = resolving({**options, **address.server})
        self._is_encrypted = issubclass(self._options["connection_class"], SSLConnection)
        self._on_change = on_change
        self._topology = Topology()
        self._clients: dict[Address, Redis] = {}
        self._round: asyncio.Task[None] | None = None
        self._began = 0.0
        self._turn = 0
        self._is_doubted = True
        """Whether a call has failed or was redirected since all masters were asked."""
        self._apart_since = math.inf
        self._silence: BaseException | None = None
        """Why no node replied in the last round; None if one did."""

    def where(self, key: str) -> Address | None:
        """Last known address of the master of the key's slot."""
        return self._topology.owner(slot_of(key))

    async def find(self, key: str) -> Address:
        """The same; asks if it is not known. RedisError."""
        address = self.where(key)
        if address is None:
            self._is_doubted = True
            await self.follow()
            address = self.where(key)
        if address is None:
            raise self._silence or ResponseError(f"CLUSTERDOWN no known node owns slot {slot_of(key)}")
        return address

    async def follow(self) -> None:
        """Ask a master for CLUSTER NODES, each in its turn, and all if it says anything new, or a call has failed.

        Without a reply the last known topology stays.
        """
        await asyncio.shield(self._next_round())

    async def failed(self, address: Address | None, kind: str, error: Exception) -> None:
        """Learn from a failed call. NotSentError if a MOVED reply names an address that no node announces."""
        self._is_doubted |= kind == "moved" or kind in LEARNED_FROM
        if kind == "moved" and isinstance(error, MovedError) and 0 <= error.slot_id < SLOTS:
            await self._moved(error.slot_id, (error.host or (address or ("",))[0], error.port))
        elif kind == "ask" and isinstance(error, AskError):
            self._topology.moving(error.slot_id)
        elif kind in LEARNED_FROM:
            _ = self._next_round()

    def tags(self) -> tuple[str, ...]:
        """A hash tag for each known master."""
        return self._topology.tags()

    @property
    def unowned_slots(self) -> int:
        """Number of slots that no known master owns."""
        return self._topology.unowned_slots

    @property
    def foreign_nodes(self) -> int:
        """Number of addresses where a node of another cluster replies, which is ignored."""
        return len(self._topology.strangers)

    async def close(self) -> None:
        """Disconnect."""
        if self._round:
            self._round.cancel()
            with suppress(asyncio.CancelledError):
                await self._round
        await asyncio.gather(*(client.aclose() for client in self._clients.values()), return_exceptions=True)

    async def _moved(self, slot: int, announced: Address) -> None:
        """Believe that a slot is elsewhere now, at a node that another one names, if need be after asking for it."""
        for _ in range(3):  # the round under way may have begun before the node joined
            address = self._topology.address(announced)
            if address:
                self._topology.moved(slot, address, monotonic())
                _ = self._next_round()
                return
            self._is_doubted = True
            try:
                await self.follow()
            except asyncio.CancelledError as ended:  # the call that was refused has not run
                raise ended from NotSentError()
        raise NotSentError from UnknownNodeError(
            f"a MOVED reply names {announced[0]}:{announced[1]}, which is in no reply to CLUSTER NODES: see "
            "cluster-announce-ip and cluster-announce-hostname"
        )

    def _next_round(self) -> asyncio.Task[None]:
        """The round under way or waiting, else a new one."""
        if self._round is None or self._round.done():
            self._round = asyncio.create_task(self._learn())
        return self._round

    async def _learn(self) -> None:
        await asyncio.sleep(self._began + MIN_GAP_SECONDS - monotonic())
        self._began = monotonic()
        if await self._is_confirmed() and not self._is_doubted:  # since then
            return
        self._is_doubted = False
        own, strangers = self._topology.split(await self._views(self._asked()))
        if own or (strangers and self._topology.masters):
            self._topology.merge(own, self._began, strangers)
            await self._forget(self._topology.addresses())
            await self._on_change(self._topology.targets())
        elif strangers:
            self._refuse(strangers)

    async def _is_confirmed(self) -> bool:
        """Whether the master in turn says what is known; it is not asked if there is a reason to ask all."""
        masters = sorted(self._topology.masters)
        if self._is_doubted or self._silence or self.unowned_slots or not masters:
            return False
        self._turn += 1
        with suppress(Exception):
            async with asyncio.timeout(TURN_SECONDS):
                return self._topology.agrees(await self._ask(masters[self._turn % len(masters)]))
        return False

    def _refuse(self, nodes: Sequence[Address]) -> None:
        """Use none of the two clusters that the URL names."""
        self._apart_since = min(self._apart_since, monotonic())
        is_final = monotonic() - self._apart_since >= APART_SECONDS
        names = " and ".join(f"{host}:{port}" for host, port in nodes)
        self._silence = (UnsuitableServerError if is_final else ResponseError)(
            f"is several clusters: {names} own slots and do not know each other; name nodes of one in --store-url "
            "(SLTA_STORE_URL)"
        )

    def _asked(self) -> Collection[Address]:
        """The known masters and strangers; if none replied last time, also the other nodes and those of the URL."""
        known = {*self._topology.masters, *self._topology.strangers}
        is_enough = self._topology.masters and not self._silence
        return known if is_enough else {*known, *self._topology.addresses(), *self._seeds}

    async def _views(self, asked: Collection[Address]) -> Mapping[Address, list[Node]]:
        """Replies to CLUSTER NODES, of those nodes that reply at about the same time as the first one."""
        tasks = [asyncio.create_task(self._ask(address)) for address in asked]
        straggling = STRAGGLING_SECONDS if self._topology.masters else FIRST_SECONDS
        try:
            for first in asyncio.as_completed(tasks):
                with suppress(Exception):
                    await first
                    await asyncio.wait(tasks, timeout=straggling)
                    break
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)  # an error that nobody reads would be reported
        ended = [task for task in tasks if not task.cancelled()]
        errors = [task.exception() for task in ended]
        told = (error for error in errors if isinstance(error, ResponseError))  # no cluster, or no permission
        self._silence = None if None in errors else next(told, errors[0])
        return {
            address: task.result()
            for address, task in zip(asked, tasks, strict=True)
            if task in ended and not task.exception()
        }

    async def _ask(self, address: Address) -> list[Node]:
        client = self._clients.get(address)
        if client is None:
            pool = ConnectionPool(**self._options | connection_options(address))
            client = self._clients[address] = Redis.from_pool(pool)
        try:
            text = await client.execute_command("CLUSTER", "NODES")
            return parse_nodes(str(text), address, by_name=self._is_encrypted)
        except ValueError as error:
            raise ResponseError(f"the reply of {address[0]}:{address[1]} to CLUSTER NODES is unreadable") from error

    async def _forget(self, known: Collection[Address]) -> None:
        """Disconnect from nodes that have left, and from those of the URL by another name than they announce."""
        for address in self._clients.keys() - set(known):
            await self._clients.pop(address).aclose()
