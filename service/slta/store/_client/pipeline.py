"""Pipeline: commands sent together over one connection, and their confirmation by replicas (WAIT)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import hiredis
from redis.exceptions import RedisError, ResponseError

from slta.store._client.connection_pool import ConnectionPool
from slta.store._client.connections import Connections
from slta.store._client.durability import Replicas
from slta.store._client.failures import NotReplicatedError, StaleMasterError

Command = Sequence[str | int | float]


async def exchange(connections: Connections, key: str, *commands: Command, durable: bool = False) -> list[Any]:
    """The replies of the server of `key` in order; the first error is raised, of the replies or of their confirmation.

    TimeoutError, NotReplicatedError, StaleMasterError. `durable` waits until the replicas confirm the writes of this
    connection; WAIT without a write confirms nothing.
    """
    pool, connection = await connections.acquire(key)
    try:
        replies, unconfirmed = await _exchange(pool, connection, commands, durable=durable)
        for reply in (*replies, unconfirmed):
            if isinstance(reply, RedisError):
                raise reply
        if connections.routing.where(key) != pool.address:
            raise StaleMasterError
    except (RedisError, OSError) as error:
        await connections.failed(pool.address, error)
        raise
    return replies


async def ask(pool: ConnectionPool, *command: str | int) -> Any:  # noqa: ANN401 - the reply's type depends on the command
    """The reply of a server to one command without a key. RedisError, OSError."""
    connection = await pool.acquire()
    [reply], _ = await _exchange(pool, connection, [command], durable=False)
    if isinstance(reply, RedisError):
        raise reply
    return reply


async def exchange_each(connections: Connections, calls: Mapping[str, Command], *, durable: bool = False) -> list[Any]:
    """The replies to one command for each key, of keys of one server, in order: of each one the reply or the error.

    Raises what concerns all: TimeoutError, or an error of the connection.
    """
    pool, connection = await connections.acquire(next(iter(calls)))
    try:
        replies, unconfirmed = await _exchange(pool, connection, list(calls.values()), durable=durable)
    except (RedisError, OSError) as error:
        await connections.failed(pool.address, error)
        raise
    return [
        await _checked(connections, pool, key, reply, unconfirmed) for key, reply in zip(calls, replies, strict=True)
    ]


async def _checked(
    connections: Connections,
    pool: ConnectionPool,
    key: str,
    reply: Any,  # noqa: ANN401 - any reply
    unconfirmed: NotReplicatedError | None,
) -> Any:  # noqa: ANN401 - the reply or an error
    """A reply, or why it is none: its error, that of its confirmation, or a server that no longer serves the key."""
    if not isinstance(reply, RedisError):
        reply = unconfirmed or (reply if connections.routing.where(key) == pool.address else StaleMasterError())
    if isinstance(reply, RedisError):
        try:
            await connections.failed(pool.address, reply)
        except RedisError as explained:
            return explained
    return reply


async def _exchange(
    pool: ConnectionPool,
    connection: Any,  # noqa: ANN401 - redis-py's connection
    commands: Sequence[Command],
    *,
    durable: bool,
) -> tuple[list[Any], NotReplicatedError | None]:
    """The replies, of which each may be an error, and the error of their confirmation."""
    try:
        async with asyncio.timeout(pool.call_seconds):
            if durable and pool.replicas.needed:
                return await _send_confirmed(connection, commands, pool.replicas)
            return await _send(connection, commands), None
    except BaseException:  # unread replies may be left on it
        await connection.disconnect(nowait=True)
        raise
    finally:
        await pool.release(connection)


async def _send_confirmed(
    connection: Any,  # noqa: ANN401 - redis-py's connection
    commands: Sequence[Command],
    replicas: Replicas,
) -> tuple[list[Any], NotReplicatedError | None]:
    """The replies, and an error unless enough replicas confirmed the writes."""
    needed, count = replicas.needed, len(commands)
    replies = await _send(connection, [*commands, *replicas.commands()])
    confirmed = replicas.read(*replies[count:])
    if needed <= confirmed < replicas.needed:  # a replica has joined since the last ROLE
        confirmed = replicas.read(*await _send(connection, replicas.commands()))
    missing = confirmed < replicas.needed
    return replies[:count], NotReplicatedError(f"{confirmed} of {replicas.needed}") if missing else None


async def _send(connection: Any, commands: Sequence[Command]) -> list[Any]:  # noqa: ANN401 - redis-py's connection
    await connection.send_packed_command(b"".join(map(_pack, commands)))
    return [await _reply(connection) for _ in commands]


def _pack(command: Command) -> bytes:
    arguments: Any = tuple(command)  # hiredis' stub only allows tuples of one element
    packed: bytes = hiredis.pack_command(arguments)
    return packed


async def _reply(connection: Any) -> Any:  # noqa: ANN401 - redis-py's connection, and any reply
    """A reply, or its error; those after one that redis-py cannot read can be read."""
    try:
        return await connection.read_response(disconnect_on_error=False)  # `_exchange` does so
    except ResponseError as error:
        return error
    except ValueError as error:  # bytes that are not UTF-8, or a malformed MOVED
        return ResponseError(f"unreadable reply: {error}")
