"""Batcher: operations of a kind that arrive during a store call for their fleet share the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from math import exp
from time import monotonic

from slta.models.errors import StoreUnavailableError
from slta.store._batching.kinds import Kind, Operation
from slta.store._batching.pending import PendingCall, work_for
from slta.store._client.failures import Failure, StoreCallError, classify_timeout
from slta.store._client.functions import FunctionClient
from slta.store._client.rollback_detection import Stamp
from slta.store._failover.replay_log import ReplayLog
from slta.store._outcomes import REFUSALS, Reply, refused

MAX_BATCH = 128
MAX_CONCURRENT_CALLS = 2
"""Per fleet and kind. While the server runs one, this process delivers the one before and fills the next."""
MIN_SECOND_CALL = 16
"""Minimum batch of a second concurrent call; fewer operations wait for the end of the first."""
RETRY_PAUSE_SECONDS = 0.02
"""Pause before a retry; the deadline limits their number."""
MAX_SAMPLE_GAP_SECONDS = 0.1
"""Maximum time counted between two arrivals: in a longer gap this process may have been stalled."""
MEMORY_SECONDS = 1.0
"""Time constant: calls that are older, counted in call time, have a weight below 1/e."""
FIRST_SECONDS_PER_CALL = 0.003
"""Estimate before the first call."""


class CallTimeEstimate:
    """Exponentially weighted mean of the call time.

    Back-to-back calls are measured from end to end, so the mean includes the work of this process between them.
    """

    def __init__(self) -> None:
        self._seconds = MEMORY_SECONDS
        self._calls = MEMORY_SECONDS / FIRST_SECONDS_PER_CALL

    def took(self, seconds: float) -> None:
        """Add a call."""
        weight = exp(-seconds / MEMORY_SECONDS)
        self._seconds = weight * self._seconds + seconds
        self._calls = weight * self._calls + 1

    @property
    def seconds_per_call(self) -> float:
        """Mean time of a full call."""
        return self._seconds / self._calls


class Batcher:
    """Queue of one fleet's pending calls of a kind, and the tasks that send them, several in one store call.

    A pending call is never split, so the order of its operations holds although store calls overlap.
    """

    def __init__(
        self,
        functions: FunctionClient,
        replay_log: ReplayLog,
        kind: Kind,
        fleet: str,
        call_time: CallTimeEstimate,
        on_idle: Callable[[], object],
    ) -> None:
        """`call_time` is shared by all fleets; `on_idle` is called when nothing is pending."""
        self.senders: set[asyncio.Task[None]] = set()
        self._queue: deque[PendingCall] = deque()
        self._pending = 0
        self._calls = 0
        self._functions = functions
        self._replay_log = replay_log
        self._kind = kind
        self._fleet = fleet
        self._call_time = call_time
        self._on_idle = on_idle
        self._progress = self._sampled = monotonic()
        self._stalled_seconds = 0.0

    def add(self, call: PendingCall) -> None:
        """Enqueue a call, and start a sender if one is needed; one of more than MAX_BATCH operations is sent alone."""
        now = monotonic()
        self._stalled_seconds += min(now - self._sampled, MAX_SAMPLE_GAP_SECONDS)
        self._sampled = now
        self._queue.append(call)
        self._pending += len(call.unresolved)
        senders = len(self.senders)
        if not senders or (self._calls == senders < MAX_CONCURRENT_CALLS and self._pending >= MIN_SECOND_CALL):
            self.senders.add(asyncio.create_task(self._send_all()))

    def waiting_seconds(self) -> float:
        """Estimated queueing delay: time since the last completed call, sampled at arrivals, plus the queued calls."""
        calls = min(self._pending / MAX_BATCH, len(self._queue))
        return self._stalled_seconds + calls * self._call_time.seconds_per_call

    async def _send_all(self) -> None:
        """Send batches until the queue is empty, or too short for a second concurrent call."""
        try:
            while self._queue and (len(self.senders) == 1 or self._pending >= MIN_SECOND_CALL):
                batch = self._next_batch()
                if batch:
                    await self._call(batch)
        finally:
            self.senders.discard(asyncio.current_task())
            if not self.senders:
                self._on_idle()

    async def _call(self, batch: Sequence[PendingCall]) -> None:
        began = monotonic()
        if not self._calls:
            self._progressed(began)
        self._calls += 1
        try:
            await self._send(self._kind.function, batch)
        finally:
            self._calls -= 1
            now = monotonic()
            self._call_time.took(now - max(began, self._progress))
            self._progressed(now)

    def _progressed(self, now: float) -> None:
        self._progress = self._sampled = now
        self._stalled_seconds = 0.0

    def _next_batch(self) -> list[PendingCall]:
        now, room = monotonic(), MAX_BATCH
        batch: list[PendingCall] = []
        while self._queue and (not batch or len(self._queue[0].unresolved) <= room):
            call = self._queue.popleft()
            self._pending -= len(call.unresolved)
            if call.deadline <= now:
                call.fail(call.unavailable or StoreUnavailableError())
            elif not call.done.done():  # done: its caller was cancelled
                batch.append(call)
                room -= len(call.unresolved)
        return batch

    async def _send(self, function: str, batch: Sequence[PendingCall]) -> None:
        operations = [operation for call in batch for operation in call.unresolved]
        if batch[0].callers is not None:
            work_for(batch)
        try:
            async with asyncio.timeout_at(min(call.deadline for call in batch)):
                reply, stamp = await self._functions.send_stamped(
                    function, self._fleet, **self._kind.arguments(operations)
                )
            self._deliver(batch, operations, reply, stamp)
        except TimeoutError as error:  # the deadline of the oldest has passed; the others are retried
            await self._recover(function, batch, StoreCallError(classify_timeout(error)))
        except StoreCallError as failed:
            await self._recover(function, batch, failed)
        except Exception as error:  # noqa: BLE001 - the callers must receive any error
            for call in batch:
                call.fail(error)
        else:
            if waiting := [call for call in batch if call.unresolved]:
                if sum(len(call.unresolved) for call in waiting) == len(operations):
                    # No operation ran: ending leases failed before the first, and will until a tick has repaired the
                    # fleet, which takes about a second. Without a pause this would be a busy loop.
                    await asyncio.sleep(RETRY_PAUSE_SECONDS)
                self._requeue(waiting)

    async def _recover(self, function: str, batch: Sequence[PendingCall], failed: StoreCallError) -> None:
        """Retry a failed batch, as every operation is idempotent, unless the function itself failed."""
        if failed.failure.kind == "oom" and function == self._kind.function:
            for call in batch:
                call.fail(StoreUnavailableError(), passing=self._kind.releases)
            releasing = [call for call in batch if call.unresolved]
            if releasing:
                await self._send(self._kind.when_full, releasing)
            return
        for call in batch:
            call.was_tried(failed)
        if failed.failure.is_of_function:
            for call in batch:
                call.fail(failed.as_dispatch_error())
            return
        await asyncio.sleep(RETRY_PAUSE_SECONDS)
        self._requeue(batch)

    def _requeue(self, batch: Sequence[PendingCall]) -> None:
        self._queue.extendleft(reversed(batch))
        self._pending += sum(len(call.unresolved) for call in batch)

    def _deliver(
        self, batch: Sequence[PendingCall], operations: Sequence[Operation], reply: Reply, stamp: Stamp
    ) -> None:
        refusal = REFUSALS.get(reply[0])
        if refusal:
            for call in batch:
                call.fail(refused(refusal, reply))
            return
        found = reply[1:]
        if len(found[0]) != len(operations):
            raise StoreCallError(Failure("response", ran=True))
        self._kind.record(self._replay_log, self._fleet, stamp, operations, found[0])
        replies, start = self._kind.outcomes(*found), 0
        all_ran = replies[-1][0] not in ("FAULT", "NOT_RUN")  # an error also stops the operations behind it
        for call in batch:
            end = start + len(call.unresolved)
            call.deliver(replies[start:end], all_ran=all_ran)
            start = end
