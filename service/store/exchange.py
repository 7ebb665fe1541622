"""Commands that go out together over one connection, and whether the replicas have what they wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import hiredis
from redis.exceptions import ResponseError

from service.store.connection import ConnectionPool, Left, Unconfirmed

Command = Sequence[str | int | float]


async def exchange(pool: ConnectionPool, *commands: Command, replicas: int = 0, wait_ms: int = 0) -> list[Any]:
    """The answers in order; the first error among them is raised. TimeoutError, Unconfirmed, Left.

    Unless `replicas` is 0, WAIT goes along: it answers how many have all that this connection has written, within
    `wait_ms`. On a connection that has not written it says nothing.
    """
    wait: list[Command] = [("WAIT", replicas, wait_ms)] if replicas else []
    connection = await pool.get_connection()
    try:
        async with asyncio.timeout(pool.call_seconds):
            await connection.send_packed_command(b"".join(map(_pack, [*commands, *wait])))
            answers = [await _answer(connection) for _ in commands]
            confirmed = await _answer(connection) if wait else 0
    except BaseException:  # answers may be left on it
        await connection.disconnect(nowait=True)
        raise
    finally:
        await pool.release(connection)
    if pool.has_left(connection):
        raise Left
    for answer in answers:
        if isinstance(answer, ResponseError):
            raise answer
    if isinstance(confirmed, ResponseError) or confirmed < replicas:
        raise Unconfirmed(f"{confirmed} of {replicas}")
    return answers


def _pack(command: Command) -> bytes:
    words: Any = tuple(command)  # its type names tuples of one word only
    packed: bytes = hiredis.pack_command(words)
    return packed


async def _answer(connection: Any) -> Any:  # noqa: ANN401 - redis-py's connection, and whatever the command answers
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error
