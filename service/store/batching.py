"""Many requests, one round trip: operations that arrive while a call is under way go out as the next call."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.errors import DispatchError, NewerFleet, OutcomeUnknown, StoreUnavailable, UnknownFleet
from service.store.caller import Argument, Caller, StoreFailure
from service.store.connection import Failure

LARGEST_BATCH = 128
RELEASING = frozenset({"complete", "renew", "end"})
"""Operations that only free or extend: they run even when the server's memory is full."""

Words = tuple[str, str, Argument, Argument, Argument]
"""Operation, session id and three arguments, as `lua/library.lua` takes them."""


@dataclass(slots=True)
class Waiting:
    """An operation and who waits for its outcome; `deadline` in seconds of the event loop's clock."""

    words: Words
    outcome: asyncio.Future[list[Any]]
    deadline: float
    may_have_run: bool = False


class Batcher:
    """The operations of one fleet, in order, at most one call under way."""

    def __init__(self, caller: Caller, fleet: str, deadline_seconds: float) -> None:
        self._caller = caller
        self._fleet = fleet
        self._deadline_seconds = deadline_seconds
        self._queue: deque[Waiting] = deque()
        self._sender: asyncio.Task[None] | None = None

    async def submit(self, *words: Words) -> list[list[Any]]:
        """The outcomes of the operations, in order.

        A caller that is cancelled does not undo anything: its operations run. UnknownFleet, StoreUnavailable (did
        not run), OutcomeUnknown (may have run).
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._deadline_seconds
        waiting = [Waiting(operation, loop.create_future(), deadline) for operation in words]
        self._queue.extend(waiting)
        if self._sender is None:
            self._sender = loop.create_task(self._send_all())
        outcomes = await asyncio.gather(*(asyncio.shield(w.outcome) for w in waiting), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return outcomes  # type: ignore[return-value]

    async def drain(self) -> None:
        """Wait until every operation has its outcome."""
        while self._sender is not None:
            await asyncio.wait([self._sender])

    async def _send_all(self) -> None:
        try:
            while self._queue:
                batch = self._next_batch()
                if batch:
                    await self._send("batch", batch)
        finally:
            self._sender = None

    def _next_batch(self) -> list[Waiting]:
        now = asyncio.get_running_loop().time()
        batch: list[Waiting] = []
        while self._queue and len(batch) < LARGEST_BATCH:
            operation = self._queue.popleft()
            if operation.deadline <= now:
                _refuse(operation, OutcomeUnknown() if operation.may_have_run else StoreUnavailable())
            else:
                batch.append(operation)
        return batch

    async def _send(self, function: str, batch: Sequence[Waiting]) -> None:
        arguments = [word for operation in batch for word in operation.words]
        try:
            async with asyncio.timeout_at(min(operation.deadline for operation in batch)):
                reply = await self._caller.call(function, self._fleet, *arguments, operations=len(batch))
        except TimeoutError:  # who came first has waited long enough; the others' operations are asked again
            await self._recover(function, batch, StoreFailure(Failure("timeout", ran=True)))
        except StoreFailure as failed:
            await self._recover(function, batch, failed)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
            for operation in batch:
                _refuse(operation, error)
        else:
            if self._deliver(batch, reply) == len(batch):
                await asyncio.sleep(RETRY_PAUSE_SECONDS)

    async def _recover(self, function: str, batch: Sequence[Waiting], failed: StoreFailure) -> None:
        """Ask again what may be asked again; session ids make every operation safe to repeat."""
        if failed.failure.kind == "oom" and function == "batch":
            releasing = [w for w in batch if w.words[0] in RELEASING]
            for operation in batch:
                if operation.words[0] not in RELEASING:
                    _refuse(operation, StoreUnavailable())
            if releasing:
                await self._send("release", releasing)
            return
        for operation in batch:
            operation.may_have_run |= failed.failure.ran
        self._queue.extendleft(reversed(batch))
        await asyncio.sleep(RETRY_PAUSE_SECONDS)

    def _deliver(self, batch: Sequence[Waiting], reply: list[Any]) -> int:
        """Give everyone who waits the outcome; how many operations must be sent again."""
        refusal = REFUSALS.get(reply[0])
        if refusal:
            for operation in batch:
                _refuse(operation, refusal())
            return 0
        not_run = []
        for operation, outcome in zip(batch, reply[1], strict=True):
            if outcome[0] == "NOT_RUN":
                not_run.append(operation)
            elif outcome[0] == "FAULT":
                _refuse(operation, OutcomeUnknown())
            elif not operation.outcome.done():
                operation.outcome.set_result(outcome)
        self._queue.extendleft(reversed(not_run))
        return len(not_run)


REFUSALS = {"UNKNOWN_FLEET": UnknownFleet, "NEWER_FLEET": NewerFleet}
"""What a whole batch may be answered with."""

RETRY_PAUSE_SECONDS = 0.02
"""Between two tries of one batch; the deadline bounds their number."""


def _refuse(operation: Waiting, error: DispatchError | Exception) -> None:
    if not operation.outcome.done():
        operation.outcome.set_exception(error)
