"""Client of the Lua functions (FCALL): loads the library if missing, and classifies errors."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from time import perf_counter
from typing import Any, Protocol

from redis.exceptions import MovedError, RedisError, ResponseError

from slta.models.errors import DispatchError
from slta.models.request_record import Author
from slta.store import _fleet_replies
from slta.store._client.connections import Connections
from slta.store._client.failures import Failure, StoreCallError, classify
from slta.store._client.pipeline import exchange, exchange_each
from slta.store._client.rollback_detection import RollbackDetector, Stamp
from slta.store._client.routing import key_of
from slta.store._client.url import Address
from slta.store._outcomes import Reply, checked
from slta.store.library import Library
from slta.store.operations import Value, Word, encode

Clock = Callable[[], str]

CALLERS: ContextVar[list[Any]] = ContextVar("CALLERS")
"""Spans of the requests for which the current task calls the store, if they are traced."""


class StoreObserver(Protocol):
    """Observer of calls, for metrics."""

    def call(self, function: str, seconds: float, operations: int) -> None:
        """Record a call of `operations` operations that took `seconds`."""

    def error(self, kind: str) -> None:
        """Record a failed call; `kind` as in `Failure`."""

    def not_restored(self, kind: str, reason: str, changes: int) -> None:
        """Record acknowledged changes of a kind that the store has lost and that are not restored."""

    def sampled(self, outcome: str, count: int) -> None:
        """Record qualities that pools have sent, by what became of them."""


class FunctionClient:
    """Client of one library on all servers of a store."""

    def __init__(
        self,
        connections: Connections,
        library: Library,
        observer: StoreObserver,
        clock: Clock,
        detector: RollbackDetector,
    ) -> None:
        """`clock` returns the time argument, see `Store`; `detector` observes the stamp of each reply."""
        self._connections = connections
        self._source, self.digest = library
        self._observer = observer
        self._clock = clock
        self._detector = detector
        self.is_cluster = connections.is_cluster
        """Whether keys that belong to no fleet may be away while fleets are not."""
        self._loading: defaultdict[Address | None, asyncio.Lock] = defaultdict(asyncio.Lock)

    def seen(self) -> Collection[str]:
        """Fleets that have replied."""
        return self._detector.fleets()

    async def change(self, function: str, fleet: str, **arguments: Value) -> Reply:
        """Call a function that may write. Raises the error of the reply, StoreUnavailableError, OutcomeUnknownError."""
        return (await self.change_stamped(function, fleet, **arguments))[0]

    async def change_stamped(self, function: str, fleet: str, **arguments: Value) -> tuple[Reply, Stamp]:
        """As `change`; also returns the stamp of the reply."""
        with _dispatch_errors():
            reply, stamp = await self.send_stamped(function, fleet, **arguments)
        return checked(reply), stamp

    async def change_many(
        self, function: str, calls: Mapping[str, Mapping[str, Value]]
    ) -> Mapping[str, Reply | DispatchError]:
        """As `change` for several fleets of one server, each with its arguments, in one packet.

        An error is the value of its fleet only. A fleet that lies elsewhere is called alone.
        """
        requests = {
            key_of(fleet): self._request("FCALL", function, fleet, arguments) for fleet, arguments in calls.items()
        }
        started = perf_counter()
        try:
            replies = await exchange_each(self._connections, requests, durable=True)
        except (RedisError, OSError) as error:
            replies = [error] * len(calls)
        self._observer.call(function, perf_counter() - started, len(calls))
        return {
            fleet: await self._outcome(function, fleet, arguments, reply)
            for (fleet, arguments), reply in zip(calls.items(), replies, strict=True)
        }

    async def _outcome(
        self, function: str, fleet: str, arguments: Mapping[str, Value], reply: object
    ) -> Reply | DispatchError:
        """The outcome of one call of a packet; without the library, or on another server, it is sent again alone."""
        try:
            if not isinstance(reply, (RedisError, OSError)):
                return checked(self._observed(fleet, _stamped(reply))[0])
            failed = StoreCallError(classify(reply))
            failed.__cause__ = reply
            self._observer.error(failed.failure.kind)
            is_elsewhere = failed.failure.kind in ("function_missing", "moved")
            return await self.change(function, fleet, **arguments) if is_elsewhere else failed.as_dispatch_error()
        except StoreCallError as foreign:
            return foreign.as_dispatch_error()
        except DispatchError as error:
            return error

    async def record(self, function: str, fleet: str, author: Author | None, **arguments: Value) -> tuple[Reply, Stamp]:
        """As `change_stamped`, for a function that logs an event, which is added to `author`; None: the service."""
        author = author or Author()
        with _dispatch_errors():
            (*reply, event), stamp = await self.send_stamped(function, fleet, author=str(author), **arguments)
        if event:
            author.learn(_fleet_replies.event(event))
        return checked(reply), stamp

    async def read(self, function: str, fleet: str, **arguments: Value) -> Reply:
        """Call a read-only function. Raises the error of the reply, or StoreUnavailableError."""
        with _dispatch_errors(is_read=True):
            return checked((await self._run("FCALL_RO", function, fleet, arguments))[0])

    async def slice(self, function: str, fleet: str, *, writes: bool = False, **arguments: Value) -> Reply:
        """As `read` or `change`; then sleeps for the time that the call took, so that it uses half of the server's."""
        began = perf_counter()
        reply = await (self.change if writes else self.read)(function, fleet, **arguments)
        await asyncio.sleep(perf_counter() - began)
        return reply

    async def query(self, *command: str) -> Any:  # noqa: ANN401 - the reply's type depends on the command
        """Execute a read-only Redis command, whose second word is its key. StoreUnavailableError."""
        with _dispatch_errors(is_read=True):
            return (await self._exchange(command[1], command, durable=False))[0]

    async def scan(self, tag: str, cursor: str, pattern: str) -> tuple[str, list[str]]:
        """The next cursor, and keys of the master where a tag lies, 1000 looked at. StoreUnavailableError."""
        command = ("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
        with _dispatch_errors(is_read=True):
            following, keys = (await self._exchange(key_of(tag), command, durable=False))[0]
        return str(following), keys

    async def write(self, *commands: Sequence[str]) -> None:
        """Execute Redis commands on one key in one pipeline. StoreUnavailableError, OutcomeUnknownError."""
        with _dispatch_errors():
            await self.try_to_write(*commands)

    async def try_to_write(self, *commands: Sequence[str]) -> None:
        """As `write`, but raises StoreCallError, which has the classified failure."""
        await self._exchange(commands[0][1], *commands, durable=True)

    async def send_stamped(self, function: str, fleet: str, **arguments: Value) -> tuple[Reply, Stamp]:
        """Call a function that may write; any reply, and its stamp. StoreCallError, for callers that may retry."""
        return await self._run("FCALL", function, fleet, arguments)

    async def _run(
        self, command: str, function: str, fleet: str, arguments: Mapping[str, Value]
    ) -> tuple[Reply, Stamp]:
        key, operations = key_of(fleet), arguments.get("operations", arguments.get("ids"))
        count = len(operations) if isinstance(operations, Sequence) else 1
        request = self._request(command, function, fleet, arguments)
        started = perf_counter()
        try:
            return self._observed(fleet, await self._attempt(key, request, durable=command == "FCALL"))
        finally:
            self._observer.call(function, perf_counter() - started, count)

    def _request(self, command: str, function: str, fleet: str, arguments: Mapping[str, Value]) -> tuple[Word, ...]:
        """A call. Its second key never exists: for a slot that is being moved key by key the server then refuses it."""
        keys = (key_of(fleet), f"{{{fleet}}}:-")
        words = encode(function, arguments)
        return (command, f"slta_{self.digest}_{function}", len(keys), *keys, self._clock(), *words)

    def _observed(self, fleet: str, stamped: Reply) -> tuple[Reply, Stamp]:
        *reply, incarnation, revision = stamped
        stamp = Stamp(incarnation, revision)
        self._detector.observe(fleet, stamp)
        return reply, stamp

    async def _attempt(self, key: str, request: Sequence[Word], *, durable: bool) -> Reply:
        try:
            return _stamped((await self._exchange(key, request, durable=durable))[0])
        except StoreCallError as failed:
            self._observer.error(failed.failure.kind)
            if failed.failure.kind != "function_missing":
                raise
        await self.load(key)
        return _stamped((await self._exchange(key, request, durable=durable))[0])

    async def _exchange(self, key: str, *commands: Sequence[Word], durable: bool) -> list[Any]:
        """The replies; those of `durable` commands only once the configured durability is reached. StoreCallError."""
        try:
            try:
                return await exchange(self._connections, key, *commands, durable=durable)
            except MovedError:
                if not self._connections.is_cluster:
                    raise
            self._observer.error("moved")  # nothing ran, and where the key is now is known
            return await exchange(self._connections, key, *commands, durable=durable)
        except (RedisError, OSError) as error:
            raise StoreCallError(classify(error)) from error

    def tags(self) -> tuple[str, ...]:
        """A hash tag for each known master, which no fleet has."""
        return self._connections.routing.tags()

    def server(self, fleet: str) -> Address | None:
        """Last known address of the server of the keys of a fleet or tag; None if it is not known."""
        return self._connections.routing.where(key_of(fleet))

    async def load_everywhere(self) -> None:
        """Load the library on all servers that can be reached; the next call loads it on the others."""
        await self._connections.routing.follow()
        keys = map(key_of, self.tags())
        for error in await asyncio.gather(*map(self.load, keys), return_exceptions=True):
            if isinstance(error, StoreCallError):
                self._observer.error(error.failure.kind)
            elif error:
                raise error

    async def load(self, key: str) -> None:
        """Load the library on the server of a key if missing: after a flush, or on a new master. Idempotent.

        StoreCallError.
        """
        async with self._loading[self._connections.routing.where(key)]:
            try:
                await self._exchange(key, ("FUNCTION", "LOAD", self._source), durable=False)
            except StoreCallError as failed:
                if "already exists" not in str(failed.__cause__):
                    raise StoreCallError(replace(failed.failure, ran=False)) from failed.__cause__


@contextmanager
def _dispatch_errors(*, is_read: bool = False) -> Iterator[None]:
    """Raise a failed call as the error for a caller that does not retry; a read has changed nothing."""
    try:
        yield
    except StoreCallError as failed:
        raise (failed.unavailable() if is_read else failed.as_dispatch_error()) from failed


def _stamped(reply: Any) -> list[Any]:  # noqa: ANN401 - as the server returns it
    """Check that a reply ends with a stamp. StoreCallError for the reply of a foreign function."""
    if isinstance(reply, list) and [type(number) for number in reply[-2:]] == [int, int]:
        return reply
    reason = ResponseError("the reply has no incarnation and revision: another library has the function's name")
    raise StoreCallError(Failure("response", ran=True)) from reason
