"""One call of the server: functions of our library, loaded where it is missing, and errors that say what they mean."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from service.errors import DispatchError, OutcomeUnknown, StoreUnavailable
from service.store.connection import DOUBTS, Failure, classify, pool_of
from service.store.library import Library
from service.store.replies import Reply, checked

Argument = str | int | float


class StoreObserver(Protocol):
    """Who watches the calls, for metrics."""

    def call(self, function: str, seconds: float, operations: int) -> None:
        """A call came back after `seconds`; `operations` counts what it carried."""

    def error(self, kind: str) -> None:
        """A call failed; `kind` is one of a fixed set of words."""


class StoreFailure(Exception):
    """A call failed; `failure` says how and whether it may have run."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.kind)
        self.failure = failure

    def as_dispatch_error(self) -> DispatchError:
        """The error for a caller that does not ask again."""
        return OutcomeUnknown() if self.failure.ran else StoreUnavailable()


class Caller:
    """Calls the functions of a library on one server."""

    def __init__(self, redis: Redis, library: Library, observer: StoreObserver, clock: Callable[[], str]) -> None:
        """`clock` gives the time argument, see `Store`."""
        self._redis = redis
        self._source, self.digest = library
        self._observer = observer
        self._clock = clock
        self._loading = asyncio.Lock()

    async def change(self, function: str, fleet: str, *arguments: Argument) -> Reply:
        """The reply of a function that may write. A refusal, StoreUnavailable or OutcomeUnknown."""
        try:
            return checked(await self.send(function, fleet, *arguments))
        except StoreFailure as failed:
            raise failed.as_dispatch_error() from failed

    async def read(self, function: str, fleet: str, *arguments: Argument) -> Reply:
        """The reply of a function that only reads. A refusal or StoreUnavailable."""
        try:
            return checked(await self._run("FCALL_RO", function, fleet, arguments, 1))
        except StoreFailure as failed:
            raise StoreUnavailable from failed

    async def command(self, *words: str) -> Any:  # noqa: ANN401 - whatever the command answers
        """What a plain command answers. StoreUnavailable or OutcomeUnknown."""
        try:
            return await self._redis.execute_command(*words)
        except (RedisError, OSError) as error:
            raise StoreFailure(await self._judge(error)).as_dispatch_error() from error

    async def send(self, function: str, fleet: str, *arguments: Argument, operations: int = 1) -> Reply:
        """The reply of a function that may write, whatever it says. StoreFailure, for who may ask again."""
        return await self._run("FCALL", function, fleet, arguments, operations)

    async def _run(
        self, command: str, function: str, fleet: str, arguments: Sequence[Argument], operations: int
    ) -> Reply:
        words = (f"slta_{self.digest}_{function}", 1, f"{{{fleet}}}:state", self._clock(), *arguments)
        started = perf_counter()
        try:
            return await self._attempt(command, words)
        finally:
            self._observer.call(function, perf_counter() - started, operations)

    async def _attempt(self, command: str, words: Sequence[Argument]) -> Reply:
        try:
            return await self._redis.execute_command(command, *words)  # type: ignore[no-any-return]
        except (RedisError, OSError) as error:
            failure = await self._judge(error)
            self._observer.error(failure.kind)
            if failure.kind != "function_missing":
                raise StoreFailure(failure) from error
        await self.load()
        try:
            return await self._redis.execute_command(command, *words)  # type: ignore[no-any-return]
        except (RedisError, OSError) as error:
            raise StoreFailure(await self._judge(error)) from error

    async def _judge(self, error: RedisError | OSError) -> Failure:
        """What it means; where the server may no longer be the master, the connections are made anew."""
        failure = classify(error)
        if failure.kind in DOUBTS:
            await pool_of(self._redis).renew()
        return failure

    async def load(self) -> None:
        """Load the library unless it is there: after a flush, or on a new master. Safe to repeat. StoreFailure."""
        async with self._loading:
            try:
                await self._redis.execute_command("FUNCTION", "LOAD", self._source)
            except ResponseError as error:
                if "already exists" not in str(error):
                    raise StoreFailure(replace(await self._judge(error), ran=False)) from error
            except (RedisError, OSError) as error:
                raise StoreFailure(replace(await self._judge(error), ran=False)) from error
