"""Many requests, one round trip: operations that arrive while a call is under way go out as the next call."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from service.errors import OutcomeUnknown, StoreUnavailable
from service.store.caller import Argument, Caller, StoreFailure
from service.store.connection import judge_late
from service.store.pace import Pace
from service.store.replies import REFUSALS, Reply

LARGEST_BATCH = 128
RETRY_PAUSE_SECONDS = 0.02
"""Between two tries of one batch; the deadline bounds their number."""
BLIND_SECONDS = 0.1
"""If nothing comes for longer this process itself may have stood still: the rest does not count as waiting."""
RELEASING = frozenset({"complete", "renew", "end"})
"""Operations that only free or extend: they run even when the server's memory is full."""

Words = tuple[str, str, Argument, Argument, Argument]
"""Operation, session id and three arguments, as `lua/library.lua` takes them."""
Outcome = Reply | Exception
"""What became of an operation; an error is a value here, so that nobody has to fetch it."""


@dataclass(slots=True)
class Waiting:
    """An operation and who waits for its outcome; `deadline` in seconds of the event loop's clock."""

    words: Words
    outcome: asyncio.Future[Outcome]
    deadline: float
    may_have_run: bool = False


class Operations:
    """Operations on sessions, batched for each fleet. Each has an outcome of its own.

    A caller that is cancelled undoes nothing: what was sent runs, what was not is dropped. UnknownFleet,
    StoreUnavailable (did not run), OutcomeUnknown (may have run).
    """

    def __init__(self, caller: Caller, deadline_seconds: float) -> None:
        """`deadline_seconds` is how long an operation may take; until then it is tried again where that is safe."""
        self._caller = caller
        self._deadline_seconds = deadline_seconds
        self._pace = Pace()
        self._batchers: dict[str, Batcher] = {}
        self._senders: dict[str, asyncio.Task[None]] = {}

    async def submit(self, fleet: str, operation: Words, arrived: float | None = None) -> Reply:
        """The outcome of one operation, whose request `arrived` then by the event loop's clock; None for now."""
        return _read(await self._add(fleet, operation, arrived))

    async def submit_all(self, fleet: str, operations: Iterable[Words], arrived: float | None = None) -> list[Reply]:
        """The outcomes of operations in their order, with nobody else's in between; or the first of their errors."""
        return [_read(outcome) for outcome in await self.outcomes(fleet, operations, arrived)]

    async def outcomes(self, fleet: str, operations: Iterable[Words], arrived: float | None = None) -> list[Outcome]:
        """The same, each with its own error."""
        waiting = [self._add(fleet, operation, arrived) for operation in operations]
        try:
            return [await outcome for outcome in waiting]
        except asyncio.CancelledError:
            for outcome in waiting:
                outcome.cancel()
            raise

    def waiting_seconds(self, fleet: str) -> float:
        """How long an operation that comes now would wait for its call, as fast as the server answered lately."""
        batcher = self._batchers.get(fleet)
        return batcher.waiting_seconds() if batcher else 0.0

    async def drain(self) -> None:
        """Wait until every operation has its outcome."""
        while self._senders:
            await asyncio.wait(self._senders.values())

    def _add(self, fleet: str, operation: Words, arrived: float | None) -> asyncio.Future[Outcome]:
        loop = asyncio.get_running_loop()
        since = loop.time() if arrived is None else arrived
        waiting = Waiting(operation, loop.create_future(), since + self._deadline_seconds)
        batcher = self._batchers.get(fleet)
        if batcher is None:
            batcher = self._batchers[fleet] = Batcher(self._caller, fleet, self._pace)
            self._senders[fleet] = loop.create_task(self._send_all(fleet, batcher))
        batcher.add(waiting)
        return waiting.outcome

    async def _send_all(self, fleet: str, batcher: Batcher) -> None:
        try:
            await batcher.send_all()
        finally:  # a fleet has a batcher only while something waits: names that are none leave nothing behind
            del self._batchers[fleet], self._senders[fleet]


class Batcher:
    """The operations of one fleet that wait, in order, at most one call under way."""

    def __init__(self, caller: Caller, fleet: str, pace: Pace) -> None:
        """`pace` is that of the server, whatever the fleet."""
        self.queue: deque[Waiting] = deque()
        self._caller = caller
        self._fleet = fleet
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._call_began = self._seen = self._loop.time()
        self._call_seconds = 0.0

    def add(self, operation: Waiting) -> None:
        """One more waits."""
        now = self._loop.time()
        self._call_seconds += min(now - self._seen, BLIND_SECONDS)
        self._seen = now
        self.queue.append(operation)

    async def send_all(self) -> None:
        """Send batch after batch until nothing waits."""
        while self.queue:
            batch = self._next_batch()
            if batch:
                self._call_began = self._seen = self._loop.time()
                self._call_seconds = 0.0
                await self._send("batch", batch)
                self._pace.took(self._loop.time() - self._call_began)

    def waiting_seconds(self) -> float:
        """The time of the call under way, seen when an operation came, and that of the calls that wait."""
        return self._call_seconds + len(self.queue) / LARGEST_BATCH * self._pace.seconds_per_call

    def _next_batch(self) -> list[Waiting]:
        now = self._loop.time()
        batch: list[Waiting] = []
        while self.queue and len(batch) < LARGEST_BATCH:
            operation = self.queue.popleft()
            if operation.outcome.done():
                continue  # its caller has left
            if operation.deadline <= now:
                _refuse(operation, _unknown(operation) if operation.may_have_run else StoreUnavailable())
            else:
                batch.append(operation)
        return batch

    async def _send(self, function: str, batch: Sequence[Waiting]) -> None:
        arguments = [word for operation in batch for word in operation.words]
        try:
            async with asyncio.timeout_at(min(operation.deadline for operation in batch)):
                reply = await self._caller.send(function, self._fleet, *arguments, operations=len(batch))
        except TimeoutError as late:  # who came first has waited long enough; the others' operations are asked again
            await self._recover(function, batch, StoreFailure(judge_late(late)))
        except StoreFailure as failed:
            await self._recover(function, batch, failed)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
            for operation in batch:
                _refuse(operation, error)
        else:
            if self._deliver(batch, reply) == len(batch):
                # Not even the first operation ran: ending leases met an error before it, and will until a tick has
                # repaired the fleet, which takes about a second. Without a pause we would ask as fast as we can.
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
        self.queue.extendleft(reversed(batch))
        await asyncio.sleep(RETRY_PAUSE_SECONDS)

    def _deliver(self, batch: Sequence[Waiting], reply: Reply) -> int:
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
                _refuse(operation, _unknown(operation))
            elif not operation.outcome.done():
                operation.outcome.set_result(outcome)
        self.queue.extendleft(reversed(not_run))
        return len(not_run)


def _refuse(operation: Waiting, error: Exception) -> None:
    if not operation.outcome.done():
        operation.outcome.set_result(error)


def _unknown(operation: Waiting) -> OutcomeUnknown:
    return OutcomeUnknown(None, session_id=operation.words[1])


def _read(outcome: Outcome) -> Reply:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
