"""Pending call: operations that are sent together, their deadline and the future of their outcomes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from slta.models.errors import OutcomeUnknownError, StoreUnavailableError
from slta.store._batching.kinds import SESSIONS, Kind, Operation
from slta.store._client.failures import StoreCallError
from slta.store._client.functions import CALLERS
from slta.store._outcomes import Reply
from slta.store.operations import Word

OperationArgs = tuple[str, str, Word, Word, Word]
"""Name of a row of `OPERATIONS`, session id and three arguments: an operation on a session."""
Outcome = Reply | Exception
"""Reply or error of an operation. An error is a value, so that asyncio does not log it as never retrieved."""


class PendingCall:
    """Operations whose caller awaits `done`; `deadline` in seconds of the event loop's clock.

    `unresolved` has the operations without an outcome, in order; `unavailable` says why they could not be sent.
    `callers` are those of the task that made it; None where calls are not traced.
    """

    __slots__ = (
        "_indexes",
        "_kind",
        "_outcomes",
        "callers",
        "deadline",
        "done",
        "may_have_run",
        "unavailable",
        "unresolved",
    )

    def __init__(
        self,
        operations: Sequence[Operation],
        deadline: float,
        done: asyncio.Future[list[Outcome]],
        kind: Kind = SESSIONS,
        *,
        traces: bool = False,
    ) -> None:
        self.unresolved = operations
        self.deadline = deadline
        self.done = done
        self.callers = tuple(CALLERS.get(())) if traces else None
        self.may_have_run = False
        self.unavailable: StoreUnavailableError | None = None
        self._kind = kind
        self._indexes: Sequence[int] = range(len(operations))
        self._outcomes: list[Outcome] = [[]] * len(operations)

    def resolve(self, outcomes: Iterable[Outcome | None]) -> None:
        """Set the outcomes of the unresolved operations, in order; None leaves one unresolved."""
        unresolved: list[Operation] = []
        indexes: list[int] = []
        for operation, index, outcome in zip(self.unresolved, self._indexes, outcomes, strict=False):
            if outcome is None:
                unresolved.append(operation)
                indexes.append(index)
            else:
                self._outcomes[index] = outcome
        self.unresolved, self._indexes = unresolved, indexes
        if not unresolved and not self.done.done():  # done: the caller was cancelled
            self.done.set_result(self._outcomes)

    def deliver(self, replies: list[Any], *, all_ran: bool) -> None:
        """Set the replies of the unresolved operations: FAULT is an error, NOT_RUN leaves one unresolved."""
        if not all_ran or len(replies) < len(self._outcomes):
            self.resolve(map(self._outcome_of, self.unresolved, replies))
            return
        self.unresolved = ()
        if not self.done.done():
            self.done.set_result(replies)

    def was_tried(self, failed: StoreCallError) -> None:
        """Note a failed attempt."""
        self.may_have_run |= failed.failure.ran
        self.unavailable = failed.unavailable()

    def fail(self, error: Exception, passing: Callable[[Operation], bool] = lambda _: False) -> None:
        """Set an error that did not let the operations run, except those that are `passing`.

        After an earlier attempt that may have run, the error is OutcomeUnknownError.
        """
        self.resolve(
            None if passing(operation) else self._outcome_unknown(operation) if self.may_have_run else error
            for operation in self.unresolved
        )

    def _outcome_of(self, operation: Operation, reply: Reply) -> Outcome | None:
        if reply[0] == "NOT_RUN":
            return None
        return self._outcome_unknown(operation) if reply[0] == "FAULT" else reply

    def _outcome_unknown(self, operation: Operation) -> OutcomeUnknownError:
        return OutcomeUnknownError(None, **self._kind.names(operation))


def work_for(batch: Iterable[PendingCall]) -> None:
    """Make the callers of a batch those of this task, which one of them has created."""
    CALLERS.set([*dict.fromkeys(caller for call in batch for caller in call.callers or ())])
