"""Pipeline: commands sent together over one connection, and their confirmation by replicas (WAIT)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import hiredis
from redis.exceptions import RedisError, ResponseError

from slta.store.client.connection_pool import ConnectionPool
from slta.store.client.connections import Connections
from slta.store.client.failures import NotReplicatedError, StaleMasterError
from slta.store.client.replicas import Replicas

Command = Sequence[str | int | float]


async def exchange(connections: Connections, key: str, *commands: Command, durable: bool = False) -> list[Any]:
    """The replies of the server of `key` in order; the first error reply is raised.

    TimeoutError, NotReplicatedError, StaleMasterError. `durable` waits until the replicas confirm the writes of this
    connection; WAIT without a write confirms nothing.
    """
    pool, connection = await connections.acquire(key)
    try:
        replies = await _exchange(pool, connection, commands, durable=durable)
        for reply in replies:
            if isinstance(reply, RedisError):
                raise reply
        if connections.routing.where(key) != pool.address:
            raise StaleMasterError
    except (RedisError, OSError) as error:
        await connections.failed(pool.address, error)
        raise
    return replies


async def _exchange(pool: ConnectionPool, connection: Any, commands: Sequence[Command], *, durable: bool) -> list[Any]:  # noqa: ANN401
    try:
        async with asyncio.timeout(pool.call_seconds):
            if durable and pool.replicas.needed:
                return await _send_confirmed(connection, commands, pool.replicas)
            return await _send(connection, commands)
    except BaseException:  # unread replies may be left on it
        await connection.disconnect(nowait=True)
        raise
    finally:
        await pool.release(connection)


async def _send_confirmed(connection: Any, commands: Sequence[Command], replicas: Replicas) -> list[Any]:  # noqa: ANN401
    """The replies, followed by NotReplicatedError unless enough replicas confirmed the writes."""
    needed, count = replicas.needed, len(commands)
    replies = await _send(connection, [*commands, *replicas.commands()])
    confirmed = replicas.read(*replies[count:])
    if needed <= confirmed < replicas.needed:  # a replica has joined since the last ROLE
        confirmed = replicas.read(*await _send(connection, replicas.commands()))
    missing = confirmed < replicas.needed
    return [*replies[:count], *([NotReplicatedError(f"{confirmed} of {replicas.needed}")] if missing else [])]


async def _send(connection: Any, commands: Sequence[Command]) -> list[Any]:  # noqa: ANN401 - redis-py's connection
    await connection.send_packed_command(b"".join(map(_pack, commands)))
    return [await _reply(connection) for _ in commands]


def _pack(command: Command) -> bytes:
    arguments: Any = tuple(command)  # hiredis' stub only allows tuples of one element
    packed: bytes = hiredis.pack_command(arguments)
    return packed


async def _reply(connection: Any) -> Any:  # noqa: ANN401 - redis-py's connection, and any reply
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error
