"""Many requests, one round trip: operations that arrive while a call is under way go out with the next call."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from time import monotonic

from service.errors import StoreUnavailable
from service.store.caller import Caller, StoreFailure
from service.store.connection import Failure, judge_late
from service.store.failover.replay_log import ReplayLog
from service.store.failover.rollback_detection import Stamp
from service.store.pace import Pace
from service.store.replies import REFUSALS, Reply
from service.store.waiting import Outcome, Waiting, Words

LARGEST_BATCH = 128
CALLS_UNDER_WAY = 2
"""Of one fleet. While the server runs one, this process answers the one before and fills the next."""
COMPANY = 16
"""So many operations are worth a call of their own while another is under way; fewer wait for its end."""
RETRY_PAUSE_SECONDS = 0.02
"""Between two tries of one batch; the deadline bounds their number."""
BLIND_SECONDS = 0.1
"""If nothing comes for longer this process itself may have stood still: the rest does not count as waiting."""
RELEASING = frozenset({"complete", "renew", "end"})
"""Operations that only free or extend: they run even when the server's memory is full."""


class Operations:
    """Operations on sessions, batched for each fleet. Each has an outcome of its own.

    A caller that is cancelled undoes nothing: what was sent runs, what was not is dropped. UnknownFleet,
    StoreUnavailable (did not run), OutcomeUnknown (may have run).
    """

    def __init__(self, caller: Caller, replay_log: ReplayLog, deadline_seconds: float) -> None:
        """`deadline_seconds` is how long an operation may take; until then it is tried again where that is safe."""
        self._caller = caller
        self._replay_log = replay_log
        self._deadline_seconds = deadline_seconds
        self._pace = Pace()
        self._batchers: dict[str, Batcher] = {}

    async def submit(self, fleet: str, operation: Words, arrived: float | None = None) -> Reply:
        """The outcome of one operation, whose request `arrived` then by the event loop's clock; None for now."""
        batcher = self._batcher(fleet)
        waiting = batcher.waiting(operation, self._deadline(arrived))
        batcher.add([waiting])
        return _read(await waiting.outcome)

    async def submit_all(self, fleet: str, operations: Iterable[Words], arrived: float | None = None) -> list[Reply]:
        """The outcomes of operations in their order, with nobody else's in between; or the first of their errors.

        Order and company hold for as many as fit into one call.
        """
        return [_read(outcome) for outcome in await self.outcomes(fleet, operations, arrived)]

    async def outcomes(self, fleet: str, operations: Iterable[Words], arrived: float | None = None) -> list[Outcome]:
        """The same, each with its own error."""
        deadline = self._deadline(arrived)
        waiting = [self._batcher(fleet).waiting(operation, deadline) for operation in operations]
        for start in range(0, len(waiting), LARGEST_BATCH):
            self._batcher(fleet).add(waiting[start : start + LARGEST_BATCH])
        try:
            return [await one.outcome for one in waiting]
        except asyncio.CancelledError:
            for one in waiting:
                one.outcome.cancel()
            raise

    def waiting_seconds(self, fleet: str) -> float:
        """How long an operation that comes now would wait for its call, as fast as the server answered lately."""
        batcher = self._batchers.get(fleet)
        return batcher.waiting_seconds() if batcher else 0.0

    async def drain(self) -> None:
        """Wait until every operation has its outcome."""
        while self._batchers:
            await asyncio.wait([lane for batcher in self._batchers.values() for lane in batcher.lanes])

    def _deadline(self, arrived: float | None) -> float:
        return (monotonic() if arrived is None else arrived) + self._deadline_seconds

    def _batcher(self, fleet: str) -> Batcher:
        batcher = self._batchers.get(fleet)
        if batcher is None:  # a fleet has one only while something waits: names that are none leave nothing behind
            batcher = Batcher(
                self._caller, self._replay_log, fleet, self._pace, partial(self._batchers.pop, fleet, None)
            )
            self._batchers[fleet] = batcher
        return batcher


class Batcher:
    """The operations of one fleet that wait, in order, and its calls under way.

    What was added together goes out together, so its order holds although calls overlap.
    """

    def __init__(
        self, caller: Caller, replay_log: ReplayLog, fleet: str, pace: Pace, at_end: Callable[[], object]
    ) -> None:
        """`pace` is that of the server, whatever the fleet; `at_end` is called when nothing waits any more."""
        self.lanes: set[asyncio.Task[None]] = set()
        self._queue: deque[list[Waiting]] = deque()
        self._waiting = 0
        self._calls = 0
        self._caller = caller
        self._replay_log = replay_log
        self._fleet = fleet
        self._pace = pace
        self._at_end = at_end
        self._loop = asyncio.get_running_loop()
        self._progress = self._seen = monotonic()
        self._still_seconds = 0.0

    def waiting(self, operation: Words, deadline: float) -> Waiting:
        """An operation that can be added."""
        return Waiting(operation, self._loop.create_future(), deadline)

    def add(self, together: list[Waiting]) -> None:
        """More wait; at most LARGEST_BATCH."""
        now = monotonic()
        self._still_seconds += min(now - self._seen, BLIND_SECONDS)
        self._seen = now
        self._queue.append(together)
        self._waiting += len(together)
        if not self.lanes or (self._calls == len(self.lanes) < CALLS_UNDER_WAY and self._waiting >= COMPANY):
            self.lanes.add(self._loop.create_task(self._send_all()))

    def waiting_seconds(self) -> float:
        """How long no call has ended, seen when an operation came, and the time of the calls that wait."""
        return self._still_seconds + self._waiting / LARGEST_BATCH * self._pace.seconds_per_call

    async def _send_all(self) -> None:
        """Send batch after batch, until nothing waits, or too little for a call beside another."""
        try:
            while self._queue and (len(self.lanes) == 1 or self._waiting >= COMPANY):
                batch = self._next_batch()
                if batch:
                    await self._call(batch)
        finally:
            self.lanes.discard(asyncio.current_task())
            if not self.lanes:
                self._at_end()

    async def _call(self, batch: Sequence[Waiting]) -> None:
        began = monotonic()
        if not self._calls:
            self._progressed(began)
        self._calls += 1
        try:
            await self._send("batch", batch)
        finally:
            self._calls -= 1
            now = monotonic()
            self._pace.took(now - max(began, self._progress))
            self._progressed(now)

    def _progressed(self, now: float) -> None:
        self._progress = self._seen = now
        self._still_seconds = 0.0

    def _next_batch(self) -> list[Waiting]:
        now = monotonic()
        batch: list[Waiting] = []
        while self._queue and len(batch) + len(self._queue[0]) <= LARGEST_BATCH:
            together = self._queue.popleft()
            self._waiting -= len(together)
            for operation in together:
                if operation.deadline <= now:
                    operation.settle(operation.too_late())
                elif not operation.outcome.done():  # else its caller has left
                    batch.append(operation)
        return batch

    async def _send(self, function: str, batch: Sequence[Waiting]) -> None:
        arguments = [word for operation in batch for word in operation.words]
        try:
            async with asyncio.timeout_at(min(operation.deadline for operation in batch)):
                reply, stamp = await self._caller.send_stamped(function, self._fleet, *arguments, operations=len(batch))
            not_run = self._deliver(batch, reply, stamp)
        except TimeoutError as late:  # who came first has waited long enough; the others' operations are asked again
            await self._recover(function, batch, StoreFailure(judge_late(late)))
        except StoreFailure as failed:
            await self._recover(function, batch, failed)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
            for operation in batch:
                operation.settle(error)
        else:
            if len(not_run) == len(batch):
                # Not even the first operation ran: ending leases met an error before it, and will until a tick has
                # repaired the fleet, which takes about a second. Without a pause we would ask as fast as we can.
                await asyncio.sleep(RETRY_PAUSE_SECONDS)
            if not_run:
                self._put_back(not_run)

    async def _recover(self, function: str, batch: Sequence[Waiting], failed: StoreFailure) -> None:
        """Ask again what may be asked again; session ids make every operation safe to repeat."""
        if failed.failure.kind == "oom" and function == "batch":
            releasing = [w for w in batch if w.words[0] in RELEASING]
            for operation in batch:
                if operation.words[0] not in RELEASING:
                    operation.settle(StoreUnavailable())
            if releasing:
                await self._send("release", releasing)
            return
        for operation in batch:
            operation.may_have_run |= failed.failure.ran
        await asyncio.sleep(RETRY_PAUSE_SECONDS)
        self._put_back(batch)

    def _put_back(self, batch: Sequence[Waiting]) -> None:
        self._queue.appendleft(list(batch))
        self._waiting += len(batch)

    def _deliver(self, batch: Sequence[Waiting], reply: Reply, stamp: Stamp) -> list[Waiting]:
        """Give everyone who waits the outcome; the operations that must be sent again."""
        refusal = REFUSALS.get(reply[0])
        if refusal:
            for operation in batch:
                operation.settle(refusal())
            return []
        if len(reply[1]) != len(batch):
            raise StoreFailure(Failure("response", ran=True))
        self._replay_log.record(self._fleet, stamp, [operation.words for operation in batch], reply[1])
        not_run = []
        for operation, outcome in zip(batch, reply[1], strict=True):
            if outcome[0] == "NOT_RUN":
                not_run.append(operation)
            else:
                operation.settle(operation.unknown() if outcome[0] == "FAULT" else outcome)
        return not_run


def _read(outcome: Outcome) -> Reply:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
