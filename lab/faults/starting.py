"""Starts the stores, relays, sentinels and dispatchers of a system, and ends them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from lab.faults.system import NEIGHBOUR, OPTIONS, Shape, System, options_of, source_of
from slta.store.embedded.data_dir import SOCKET_NAME
from testbed.clusters import MASTERS, Cluster, form
from testbed.relay import Relay
from testbed.sentinels import Group, sentinel_url, until, watching
from testbed.servers import Server, free_port
from testbed.service_process import ServiceProcess


@asynccontextmanager
async def system(folder: Path, shape: Shape, mode: str, binary: str) -> AsyncIterator[System]:
    """Everything started and ready, and ended by the end of the block."""
    async with AsyncExitStack() as stack:
        made = System(folder, mode, binary, stack)
        if shape.cluster:
            await _start_cluster(made, shape)
        elif not shape.embedded:
            await _start_servers(made, shape)
        await _start_dispatchers(made, shape)
        yield made


async def _start_servers(made: System, shape: Shape) -> None:
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
        options=options_of(made.mode),
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


async def _start_cluster(made: System, shape: Shape) -> None:
    made.cluster = Cluster(made.folder, made.binary, (*OPTIONS[made.mode], *shape.options))
    made.stack.callback(made.cluster.stop)
    for number in range(MASTERS * (1 + shape.replicas)):
        if shape.relayed:
            await _add_behind_relays(made, made.cluster, number)
        else:
            made.cluster.add()
    await asyncio.to_thread(form, made.cluster)
    made.servers = [*made.cluster.nodes]


async def _add_behind_relays(made: System, cluster: Cluster, number: int) -> None:
    node = cluster.add(port=free_port(), bus=free_port(), source=source_of(number))
    for relays, port, own in ((made.relays, node.port, node.own_port), (made.buses, node.bus, node.own_bus)):
        relays.append(await _relay(made, own, port))


async def _relay(made: System, upstream: int, port: int = 0) -> Relay:
    return await made.stack.enter_async_context(Relay(upstream, port))


async def _start_dispatchers(made: System, shape: Shape) -> None:
    settings = {"SLTA_DURABILITY": made.mode}
    if made.mode == "replicated":
        settings["SLTA_STORE_REPLICAS"] = str(shape.replicas or 1)
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


async def _url(made: System) -> str:
    """URL of a dispatcher's store: by relays of its own to the sentinels, if there are any."""
    if made.cluster:
        return made.cluster.url
    if made.sentinels:
        made.views.append([await _relay(made, sentinel.port) for sentinel in made.sentinels])
        return sentinel_url([relay.port for relay in made.views[-1]])
    if made.relays:
        return f"redis://127.0.0.1:{made.relays[0].port}"
    return made.servers[0].url
