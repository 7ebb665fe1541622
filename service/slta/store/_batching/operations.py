"""Operations of all fleets, batched per fleet; each has its own outcome, and the first error of several is raised."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from time import monotonic

from slta.store._batching.batcher import MAX_BATCH, Batcher, CallTimeEstimate
from slta.store._batching.kinds import SESSIONS, Kind, Operation
from slta.store._batching.pending import Outcome, PendingCall
from slta.store._client.connection_pool import StoreSettings
from slta.store._client.functions import FunctionClient
from slta.store._failover.replay_log import ReplayLog
from slta.store._outcomes import Reply


class Operations:
    """Operations of one kind, batched per fleet, each with its own outcome.

    Cancelling a caller drops its operations that are not sent yet; those sent run. Raises UnknownFleetError,
    StoreUnavailableError (did not run), OutcomeUnknownError (may have run).
    """

    def __init__(
        self, functions: FunctionClient, replay_log: ReplayLog, settings: StoreSettings, kind: Kind = SESSIONS
    ) -> None:
        """`deadline_seconds` of `settings` limits an operation with its retries, which are idempotent."""
        self._functions = functions
        self._replay_log = replay_log
        self._kind = kind
        self.deadline_seconds, self._traces = settings.deadline_seconds, settings.traces
        self._call_time = CallTimeEstimate()
        self._batchers: dict[str, Batcher] = {}

    async def submit(self, fleet: str, operation: Operation, arrived: float | None = None) -> Reply:
        """Run one operation; `arrived` is the time of its request by the event loop's clock, None for now."""
        [outcome] = await self._add(fleet, [operation], self._deadline(arrived)).done
        return _result(outcome)

    async def submit_together(
        self, fleet: str, operations: Sequence[Operation], arrived: float | None = None
    ) -> list[Reply]:
        """Run operations in order in one call; raises the first error."""
        return list(map(_result, await self._add(fleet, operations, self._deadline(arrived)).done))

    async def submit_all(
        self, fleet: str, operations: Sequence[Operation], arrived: float | None = None
    ) -> list[Reply]:
        """Run operations in order, as `outcomes`; raises the first error."""
        return list(map(_result, await self.outcomes(fleet, operations, arrived)))

    async def outcomes(
        self, fleet: str, operations: Sequence[Operation], arrived: float | None = None
    ) -> list[Outcome]:
        """Run operations in order, each `MAX_BATCH` of them without others in between; errors are values."""
        deadline = self._deadline(arrived)
        slices = [operations[start : start + MAX_BATCH] for start in range(0, len(operations), MAX_BATCH)]
        calls = [self._add(fleet, part, deadline) for part in slices]
        try:
            return [outcome for call in calls for outcome in await call.done]
        except asyncio.CancelledError:
            for call in calls:
                call.done.cancel()
            raise

    def waiting_seconds(self, fleet: str) -> float:
        """Estimated queueing delay of an operation that arrives now."""
        batcher = self._batchers.get(fleet)
        return batcher.waiting_seconds() if batcher else 0.0

    async def drain(self) -> None:
        """Wait until no operation is pending."""
        while self._batchers:
            await asyncio.wait([sender for batcher in self._batchers.values() for sender in batcher.senders])

    def _deadline(self, arrived: float | None) -> float:
        return (monotonic() if arrived is None else arrived) + self.deadline_seconds

    def _add(self, fleet: str, operations: Sequence[Operation], deadline: float) -> PendingCall:
        done = asyncio.get_running_loop().create_future()
        call = PendingCall(operations, deadline, done, self._kind, traces=self._traces)
        self._batcher(fleet).add(call)
        return call

    def _batcher(self, fleet: str) -> Batcher:
        batcher = self._batchers.get(fleet)
        if batcher is None:  # removed when idle, so that unknown fleets do not accumulate
            on_idle = partial(self._batchers.pop, fleet, None)
            batcher = Batcher(self._functions, self._replay_log, self._kind, fleet, self._call_time, on_idle)
            self._batchers[fleet] = batcher
        return batcher


def _result(outcome: Outcome) -> Reply:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
