"""One call of the server: functions of our library, loaded where it is missing, and errors that say what they mean."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any, Protocol

from redis.exceptions import NoPermissionError, RedisError, ResponseError

from service.errors import DispatchError, OutcomeUnknown, StoreUnavailable
from service.requests import Author
from service.store import replies
from service.store.connection import DOUBTS, ConnectionPool, Failure, classify
from service.store.exchange import exchange
from service.store.failover.rollback_detection import RollbackDetector, Stamp
from service.store.library import Library
from service.store.replies import Reply, checked

Argument = str | int | float
Clock = Callable[[], str]


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

    def __init__(
        self,
        pool: ConnectionPool,
        library: Library,
        observer: StoreObserver,
        clock: Clock,
        detector: RollbackDetector,
    ) -> None:
        """`clock` gives the time argument, see `Store`; `detector` observes the stamp of each reply."""
        self._pool = pool
        self._source, self.digest = library
        self._observer = observer
        self._clock = clock
        self._detector = detector
        self._loading = asyncio.Lock()

    async def change(self, function: str, fleet: str, *arguments: Argument) -> Reply:
        """The reply of a function that may write. A refusal, StoreUnavailable or OutcomeUnknown."""
        return (await self.change_stamped(function, fleet, *arguments))[0]

    async def change_stamped(self, function: str, fleet: str, *arguments: Argument) -> tuple[Reply, Stamp]:
        """The same, and the stamp of the reply."""
        try:
            reply, stamp = await self.send_stamped(function, fleet, *arguments)
        except StoreFailure as failed:
            raise failed.as_dispatch_error() from failed
        return checked(reply), stamp

    async def record(self, function: str, fleet: str, author: Author | None, *arguments: Argument) -> Reply:
        """The same of a function whose change is an event, of which the author learns. None: the service itself."""
        author = author or Author()
        try:
            *reply, event = await self.send(function, fleet, str(author), *arguments)
        except StoreFailure as failed:
            raise failed.as_dispatch_error() from failed
        if event:
            author.learn(replies.event(event))
        return checked(reply)

    async def read(self, function: str, fleet: str, *arguments: Argument) -> Reply:
        """The reply of a function that only reads. A refusal or StoreUnavailable."""
        try:
            return checked((await self._run("FCALL_RO", function, fleet, arguments, 1))[0])
        except StoreFailure as failed:
            raise StoreUnavailable from failed

    async def look(self, *command: str) -> Any:  # noqa: ANN401 - whatever the command answers
        """What a plain command answers that only reads. StoreUnavailable."""
        try:
            return (await self._exchange(command, lasting=False))[0]
        except (RedisError, OSError) as error:
            await self._judge(error)
            raise StoreUnavailable from error

    async def ask(self, *command: str) -> Any:  # noqa: ANN401 - whatever the command answers
        """The same; None where the user may not ask."""
        try:
            return await self.look(*command)
        except StoreUnavailable as unavailable:
            if isinstance(unavailable.__cause__, NoPermissionError):
                return None
            raise

    async def write(self, *commands: Sequence[str]) -> None:
        """Plain commands, sent together. StoreUnavailable or OutcomeUnknown."""
        try:
            await self.try_to_write(*commands)
        except StoreFailure as failed:
            raise failed.as_dispatch_error() from failed

    async def try_to_write(self, *commands: Sequence[str]) -> None:
        """The same. StoreFailure, for who wants to know how it failed."""
        try:
            await self._exchange(*commands, lasting=True)
        except (RedisError, OSError) as error:
            raise StoreFailure(await self._judge(error)) from error

    async def send(self, function: str, fleet: str, *arguments: Argument, operations: int = 1) -> Reply:
        """The reply of a function that may write, whatever it says. StoreFailure, for who may ask again."""
        return (await self.send_stamped(function, fleet, *arguments, operations=operations))[0]

    async def send_stamped(
        self, function: str, fleet: str, *arguments: Argument, operations: int = 1
    ) -> tuple[Reply, Stamp]:
        """The same, and the stamp of the reply."""
        return await self._run("FCALL", function, fleet, arguments, operations)

    async def _run(
        self, command: str, function: str, fleet: str, arguments: Sequence[Argument], operations: int
    ) -> tuple[Reply, Stamp]:
        words = (command, f"slta_{self.digest}_{function}", 1, f"{{{fleet}}}:state", self._clock(), *arguments)
        started = perf_counter()
        try:
            *reply, incarnation, revision = await self._attempt(words, lasting=command == "FCALL")
            stamp = Stamp(incarnation, revision)
            self._detector.observe(fleet, stamp)
            return reply, stamp
        finally:
            self._observer.call(function, perf_counter() - started, operations)

    async def _attempt(self, words: Sequence[Argument], *, lasting: bool) -> Reply:
        try:
            return _stamped((await self._exchange(words, lasting=lasting))[0])
        except (RedisError, OSError) as error:
            failure = await self._judge(error)
            self._observer.error(failure.kind)
            if failure.kind != "function_missing":
                raise StoreFailure(failure) from error
        await self.load()
        try:
            return _stamped((await self._exchange(words, lasting=lasting))[0])
        except (RedisError, OSError) as error:
            raise StoreFailure(await self._judge(error)) from error

    async def _exchange(self, *commands: Sequence[Argument], lasting: bool) -> list[Any]:
        """The answers; of `lasting` commands only once the write is as safe as the settings say."""
        return await exchange(self._pool, *commands, lasting=lasting)

    async def _judge(self, error: RedisError | OSError) -> Failure:
        """What it means; where the server may no longer be the master, the connections are made anew."""
        failure = classify(error)
        if failure.kind in DOUBTS:
            await self._pool.renew()
        return failure

    async def load(self) -> None:
        """Load the library unless it is there: after a flush, or on a new master. Safe to repeat. StoreFailure."""
        async with self._loading:
            try:
                await self._exchange(("FUNCTION", "LOAD", self._source), lasting=False)
            except ResponseError as error:
                if "already exists" not in str(error):
                    raise StoreFailure(replace(await self._judge(error), ran=False)) from error
            except (RedisError, OSError) as error:
                raise StoreFailure(replace(await self._judge(error), ran=False)) from error


def _stamped(answer: Any) -> list[Any]:  # noqa: ANN401 - whatever the function answers
    """A reply with a stamp behind it. ResponseError for one that no function of ours gives."""
    if isinstance(answer, list) and [type(number) for number in answer[-2:]] == [int, int]:
        return answer
    raise ResponseError("the reply has no incarnation and revision: another library has the function's name")
