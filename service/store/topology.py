"""Which server is the master: the sentinels' word for it, and its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from redis.asyncio import Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, ReadOnlyError, RedisError, ResponseError

from service.store.durability import unsynced
from service.store.urls import Address, Place

NEWS = ("+promoted-slave", "+switch-master")
"""What a sentinel publishes when the master is another one: the one that promotes it says so first."""
LISTENING_SECONDS = 30.0
"""After which a sentinel that said nothing is listened to again; there is no news in it."""
DEAF_SECONDS = 1.0
"""Until a sentinel that could not be listened to is tried again."""


class Sentinels:
    """The sentinels of one master. They are asked, and never told anything."""

    def __init__(self, place: Place, options: dict[str, Any]) -> None:
        """`options` are for the connections to them, besides those of the URL."""
        self._name = place.master
        self._clients = [
            Redis.from_pool(ConnectionPool(host=host, port=port, **{**options, **place.sentinel}))
            for host, port in place.sentinels
        ]
        self.latest: Address | None = None
        """Where the master was when they were asked last."""
        self.moved: Callable[[], Awaitable[None]]
        """What is done when it is another one, whoever asked."""
        self._questions = self._answered = 0

    async def find(self) -> Address:
        """Where the master is, by the newest word. ConnectionError.

        All are asked: those that have not heard of a failover yet would lead back to the server that it left. So would
        what was asked earlier and is answered later.
        """
        self._questions += 1
        question = self._questions
        asked = await asyncio.gather(*map(self._ask, self._clients), return_exceptions=True)
        answers = [answer for answer in asked if not isinstance(answer, BaseException)]
        if not answers:
            raise RedisConnectionError("no sentinel answers that knows the master")
        _, address = max(answers)
        if question > self._answered:
            self._answered = question
            if address != self.latest:
                self.latest = address
                await self.moved()
        return self.latest or address

    async def listen(self, heard: Callable[[], object]) -> None:
        """Call `heard` when a sentinel tells of another master. It never ends, and no error leaves it."""
        await asyncio.gather(*(self._listen(client, heard) for client in self._clients))

    async def _listen(self, sentinel: Redis, heard: Callable[[], object]) -> None:
        while True:
            with suppress(RedisError, OSError):  # also where the user may not subscribe: then `find` alone tells
                async with sentinel.pubsub(ignore_subscribe_messages=True) as news:
                    await news.subscribe(*NEWS)
                    while True:
                        if await news.get_message(timeout=LISTENING_SECONDS):
                            heard()
            await asyncio.sleep(DEAF_SECONDS)

    async def _ask(self, sentinel: Redis) -> tuple[int, Address]:
        """The epoch and the address. Only the second command tells of a promotion while it is under way."""
        state = await sentinel.execute_command("SENTINEL MASTER", self._name)
        host, port = await sentinel.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", self._name)
        return int(state["config-epoch"]), (str(host), int(port))

    async def close(self) -> None:
        """Disconnect."""
        await asyncio.gather(*(client.aclose() for client in self._clients), return_exceptions=True)


class Found(Connection):
    """A connection to wherever the master is when it is made."""

    def __init__(self, *, sentinels: Sentinels, **options: Any) -> None:  # noqa: ANN401 - as redis-py takes them
        self._sentinels = sentinels
        super().__init__(**options)

    async def _connect(self) -> None:
        self.host, self.port = await self._sentinels.find()
        await super()._connect()  # type: ignore[no-untyped-call]


class FoundOverTls(Found, SSLConnection):
    """The same with TLS: the server's certificate has the name that the sentinels give."""


class Unsynced(RedisError):
    """The server answers before its disk has what was written; the message says why."""


async def greet(connection: AbstractConnection, *, synced: bool = False) -> None:
    """Log in, and ask the server whether it is a master, and whether it is `synced`. ReadOnlyError, Unsynced.

    So whatever refuses a new connection is heard before anything else is sent on it, of each server that becomes the
    master as of the first one. A user that may not ask for the role is believed: then only the calls themselves tell.
    """
    await connection.on_connect()
    role = await _ask(connection, "ROLE")
    if role and role[0] != "master":
        raise ReadOnlyError("READONLY the server is a replica")
    if synced:
        told = await _ask(connection, "CONFIG", "GET", "appendfsync")
        named = list(told.values()) if isinstance(told, dict) else told  # RESP2 answers names and values in turn
        wrong = unsynced(named[-1] if named else None)
        if wrong:
            raise Unsynced(wrong)


async def _ask(connection: AbstractConnection, *command: str) -> Any:  # noqa: ANN401 - whatever the command answers
    """The answer; None where the command is forbidden, or was renamed away."""
    await connection.send_command(*command, check_health=False)
    try:
        return await connection.read_response()
    except ResponseError as error:
        if is_forbidden(error):
            return None
        raise


def is_forbidden(error: ResponseError) -> bool:
    """Whether the user may not call the command, or the server has it under another name."""
    return isinstance(error, NoPermissionError) or str(error).startswith("unknown command")
