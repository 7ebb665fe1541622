"""Commands that go out together over one connection, and whether the replicas have what they wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import hiredis
from redis.exceptions import RedisError, ResponseError

from service.store.connection import ConnectionPool, Left, Unconfirmed
from service.store.replicas import Replicas

Command = Sequence[str | int | float]


async def exchange(pool: ConnectionPool, *commands: Command, lasting: bool = False) -> list[Any]:
    """The answers in order; the first error among them is raised. TimeoutError, Unconfirmed, Left.

    `lasting`: the replicas confirm all that this connection has written. Where it has not written that says nothing.
    """
    connection = await pool.get_connection()
    try:
        async with asyncio.timeout(pool.call_seconds):
            if lasting and pool.replicas.needed:
                answers = await _confirmed(connection, commands, pool.replicas)
            else:
                answers = await _together(connection, commands)
    except BaseException:  # answers may be left on it
        await connection.disconnect(nowait=True)
        raise
    finally:
        await pool.release(connection)
    if pool.has_left(connection):
        raise Left
    for answer in answers:
        if isinstance(answer, RedisError):
            raise answer
    return answers


async def _confirmed(connection: Any, commands: Sequence[Command], replicas: Replicas) -> list[Any]:  # noqa: ANN401
    """The answers, and behind them Unconfirmed unless the replicas have what was written."""
    needed, count = replicas.needed, len(commands)
    answers = await _together(connection, [*commands, *replicas.commands()])
    confirmed = replicas.read(*answers[count:])
    if needed <= confirmed < replicas.needed:  # one has joined since they were listed last
        confirmed = replicas.read(*await _together(connection, replicas.commands()))
    missing = confirmed < replicas.needed
    return [*answers[:count], *([Unconfirmed(f"{confirmed} of {replicas.needed}")] if missing else [])]


async def _together(connection: Any, commands: Sequence[Command]) -> list[Any]:  # noqa: ANN401 - redis-py's connection
    await connection.send_packed_command(b"".join(map(_pack, commands)))
    return [await _answer(connection) for _ in commands]


def _pack(command: Command) -> bytes:
    words: Any = tuple(command)  # its type names tuples of one word only
    packed: bytes = hiredis.pack_command(words)
    return packed


async def _answer(connection: Any) -> Any:  # noqa: ANN401 - redis-py's connection, and whatever the command answers
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error
