"""How we talk to the master: time-outs everywhere, no retries behind our back, errors in two kinds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.maint_notifications import MaintNotificationsConfig

from service.store.durability import ASYNC, Durability
from service.store.replicas import Replicas
from service.store.topology import Found, FoundOverTls, Sentinels, Unsynced, greet
from service.store.urls import parse

WAIT_SHARE = 0.6
"""Of a call's time, for replicas to confirm what it wrote: well within it."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where the store is and how long it may take.

    `url` has one of the forms of `service.store.urls`. A call that takes longer than `call_timeout_seconds` may or may
    not have happened and is asked again, by session id, until `deadline_seconds` have passed since the request came in.
    `durability` is what has to be true of a write before it is acknowledged. `asks_sync`: no server is relied on that
    does not say that it syncs each write.
    """

    url: str
    connect_timeout_seconds: float = 0.25
    call_timeout_seconds: float = 0.5
    deadline_seconds: float = 1.5
    max_connections: int = 32
    durability: Durability = ASYNC
    asks_sync: bool = False


class Unconfirmed(RedisError):
    """Fewer replicas than are needed confirmed a write in time: it ran, and may be lost with the server."""


class Left(RedisError):
    """The server that answered is no longer the master: what it wrote will be thrown away, or may be."""


class Unconnected(RedisConnectionError):
    """There is no connection, so nothing was sent; the cause says why."""


class ConnectionPool(BlockingConnectionPool):
    """Connections to the master, few enough for the server; who finds none waits for one."""

    sentinels: Sentinels | None = None
    """Who is asked where the master is; None where the URL says it."""

    def __init__(
        self,
        *,
        call_seconds: float,
        making_seconds: float,
        replicas: Replicas,
        **options: Any,  # noqa: ANN401
    ) -> None:
        """`call_seconds` are for a call as a whole, once it has a connection; `options` are redis-py's.

        A connection may take `making_seconds` until it is made and accepted, and then waits for a reply without end:
        who calls has to end that.
        """
        super().__init__(socket_timeout=None, **options)
        self.replicas = replicas
        self.call_seconds = call_seconds
        self._making_seconds = making_seconds

    async def get_connection(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - as redis-py has it
        """A connection that has been made and accepted. Unconnected, also as the cause of a cancellation."""
        try:
            ready = await self._ready()
            if ready:
                return ready
            async with asyncio.timeout(self._making_seconds):
                return await super().get_connection()  # type: ignore[no-untyped-call]
        except asyncio.CancelledError as ended:
            raise ended from Unconnected()
        except (RedisError, OSError) as error:
            raise Unconnected from error

    async def _ready(self) -> Any:  # noqa: ANN401 - as above
        """An idle connection that can be used as it is, or None. redis-py's way to it takes five times as long."""
        if not self._available_connections:
            return None
        idle = self._available_connections[-1]
        if not idle.is_connected or await idle.can_read():
            return None
        return self.get_available_connection()  # type: ignore[no-untyped-call]

    async def release(self, connection: Any) -> None:  # noqa: ANN401 - as above
        """A connection is free. One that works on is put back without redis-py's counts, which nobody reads."""
        if connection.should_reconnect():
            await super().release(connection)
        else:
            async with self._condition:
                self._in_use_connections.remove(connection)
                self._available_connections.append(connection)
                self._condition.notify()

    async def renew(self) -> None:
        """Make every connection anew: idle ones close now, the others when their call is over."""
        idle, self._available_connections = self._available_connections, []
        for connection in self._in_use_connections:
            connection.mark_for_reconnect()
        for connection in idle:  # closed without waiting: who is cancelled here has still heard why it failed
            with suppress(RedisError, OSError):
                await connection.disconnect(nowait=True)

    async def follow(self) -> None:
        """Ask the sentinels, if there are any; if the master is another one now, every connection is made anew."""
        if self.sentinels:
            with suppress(RedisError):  # then it stays where it was, as far as anybody knows
                await self.sentinels.find()

    def has_left(self, connection: Any) -> bool:  # noqa: ANN401 - redis-py's connection
        """Whether it leads to a server that the sentinels have replaced."""
        return bool(self.sentinels and (connection.host, connection.port) != self.sentinels.latest)

    async def listen(self, heard: Callable[[], object]) -> None:
        """Call `heard` when a sentinel tells of another master; it never ends, unless there is none to listen to."""
        if self.sentinels:
            await self.sentinels.listen(heard)

    async def aclose(self) -> None:
        """Disconnect from the sentinels too."""
        await super().aclose()
        if self.sentinels:
            await self.sentinels.close()


def connect(settings: StoreSettings) -> Redis:
    """A client that never repeats a call by itself: redis-py's ten retries would execute a call twice. InvalidUrl."""
    place = parse(settings.url)
    options: dict[str, Any] = {
        "retry": Retry(NoBackoff(), 0),
        "retry_on_timeout": False,
        "socket_timeout": settings.call_timeout_seconds,
        "socket_connect_timeout": settings.connect_timeout_seconds,
        "decode_responses": True,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),  # a further call on connecting
    }
    server = options | dict(place.server)
    call_seconds = server.pop("socket_timeout")
    sentinels = Sentinels(place, options) if place.sentinels else None
    if sentinels:
        over_tls = server.get("connection_class") is SSLConnection
        server |= {"connection_class": FoundOverTls if over_tls else Found, "sentinels": sentinels}
    pool = ConnectionPool(
        call_seconds=call_seconds,
        making_seconds=2 * settings.connect_timeout_seconds + call_seconds,
        replicas=Replicas(settings.durability.replicas, round(call_seconds * WAIT_SHARE * 1000)),
        timeout=settings.connect_timeout_seconds,  # for a connection to become free
        max_connections=settings.max_connections,
        redis_connect_func=partial(greet, synced=settings.asks_sync),
        **server,
    )
    if sentinels:
        pool.sentinels, sentinels.moved = sentinels, pool.renew
    return Redis.from_pool(pool)


def pool_of(redis: Redis) -> ConnectionPool:
    """The connections of a client that `connect` made."""
    return cast("ConnectionPool", redis.connection_pool)


REFUSALS = (
    "LOADING",
    "MASTERDOWN",
    "READONLY",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "MOVED",
    "ASK",
    "BUSY",
    "MISCONF",
    "OOM",
    "NOREPLICAS",
    "NOAUTH",
    "NOPERM",
    "WRONGPASS",
    "ERR max number of clients",
)
"""Beginnings of error replies by which the server says that it did not run the call."""

REFUSAL_KINDS = {beginning: beginning.split()[-1].lower() for beginning in REFUSALS}
"""Each of them as a kind of failure."""

DOUBTFUL = {
    Unconfirmed: "unconfirmed",
    Left: "left",
    Unsynced: "unsynced",
    RedisTimeoutError: "timeout",
    TimeoutError: "timeout",
    RedisConnectionError: "connection",
    OSError: "connection",
    ResponseError: "response",
}
"""Kinds of the errors after which the call may have run."""

DOUBTS = frozenset({"readonly", "masterdown", "moved", "loading", "timeout", "unconfirmed"})
"""Kinds of failures after which another server may be the master: connections are made anew, and find it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What an error of the client library means. `kind` is a metric label, `ran` whether the call may have run."""

    kind: str
    ran: bool


def judge_late(late: TimeoutError) -> Failure:
    """What it means that `asyncio.timeout` ended a call: if it had no connection yet, nothing was sent."""
    ended = late.__cause__
    return Failure("timeout", ran=not (ended and isinstance(ended.__cause__, Unconnected)))


def classify(error: RedisError | OSError) -> Failure:
    """Judge by the text: redis-py redacts `repr`, and its types do not tell whether the call was sent."""
    if isinstance(error, Unconnected) and isinstance(error.__cause__, (RedisError, OSError)):
        return replace(classify(error.__cause__), ran=False)
    code = getattr(error, "status_code", None)  # redis-py takes it off the text of those it knows
    text = f"{code} {error}" if code else str(error)
    if "Function not found" in text:
        return Failure("function_missing", ran=False)
    for beginning, kind in REFUSAL_KINDS.items():
        if f"{text} ".startswith(f"{beginning} "):
            return Failure(kind, ran=False)
    kind = next((kind for type_, kind in DOUBTFUL.items() if isinstance(error, type_)), "other")
    return Failure(kind, ran=True)
