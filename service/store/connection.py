"""How we talk to the server: time-outs everywhere, no retries behind our back, errors in two kinds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where the store is and how long it may take.

    `url` is redis://, rediss:// or unix://; a call that takes longer than `call_timeout_seconds` may or may not have
    happened and is asked again, by session id, until `deadline_seconds` have passed since the request came in.
    """

    url: str
    connect_timeout_seconds: float = 0.25
    call_timeout_seconds: float = 0.5
    deadline_seconds: float = 1.5
    max_connections: int = 32


class Unconnected(RedisConnectionError):
    """There is no connection, so nothing was sent; the cause says why."""


class ConnectionPool(BlockingConnectionPool):
    """Connections, few enough for the server; who finds none waits for one."""

    async def get_connection(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - as redis-py has it
        """A connection that has been made and accepted. Unconnected."""
        try:
            return await super().get_connection()  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            raise Unconnected from error


def connect(settings: StoreSettings) -> Redis:
    """A client that never repeats a call by itself: redis-py's ten retries would execute a call twice."""
    pool = ConnectionPool.from_url(
        settings.url,
        timeout=settings.connect_timeout_seconds,  # for a connection to become free
        retry=Retry(NoBackoff(), 0),
        retry_on_timeout=False,
        socket_timeout=settings.call_timeout_seconds,
        socket_connect_timeout=settings.connect_timeout_seconds,
        max_connections=settings.max_connections,
        decode_responses=True,
    )
    return Redis.from_pool(pool)


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


@dataclass(frozen=True, slots=True)
class Failure:
    """What an error of the client library means. `kind` is a metric label, `ran` whether the call may have run."""

    kind: str
    ran: bool


def classify(error: RedisError | OSError) -> Failure:
    """Judge by the text: redis-py redacts `repr`, and its types do not tell whether the call was sent."""
    if isinstance(error, Unconnected) and isinstance(error.__cause__, (RedisError, OSError)):
        return replace(classify(error.__cause__), ran=False)
    code = getattr(error, "status_code", None)  # redis-py takes it off the text of those it knows
    text = f"{code} {error}" if code else str(error)
    if "Function not found" in text:
        return Failure("function_missing", ran=False)
    for beginning in REFUSALS:
        if f"{text} ".startswith(f"{beginning} "):
            return Failure(beginning.split()[-1].lower(), ran=False)
    if isinstance(error, RedisTimeoutError):
        return Failure("timeout", ran=True)
    if isinstance(error, (RedisConnectionError, OSError)):
        return Failure("connection", ran=True)
    return Failure("response" if isinstance(error, ResponseError) else "other", ran=True)
