"""Pending call: operations that are sent together, their deadline and the future of their outcomes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from slta.models.errors import OutcomeUnknownError, StoreUnavailableError
from slta.store.client.functions import Argument
from slta.store.replies import Reply

OperationArgs = tuple[str, str, Argument, Argument, Argument]
"""Operation, session id and three arguments, as `lua/library.lua` takes them."""
Outcome = Reply | Exception
"""Reply or error of an operation. An error is a value, so that asyncio does not log it as never retrieved."""


@dataclass(slots=True, eq=False)
class PendingCall:
    """Operations whose caller awaits `done`; `deadline` in seconds of the event loop's clock.

    `waiting` has the indexes of the operations without an outcome, in order.
    """

    operations: Sequence[OperationArgs]
    deadline: float
    done: asyncio.Future[list[Outcome]]
    may_have_run: bool = False
    waiting: Sequence[int] = field(init=False)
    _outcomes: list[Outcome] = field(init=False)

    def __post_init__(self) -> None:
        self.waiting = range(len(self.operations))
        self._outcomes = [[]] * len(self.operations)

    def unresolved(self) -> Sequence[OperationArgs]:
        """Operations without an outcome, in order."""
        if len(self.waiting) == len(self.operations):
            return self.operations
        return [self.operations[index] for index in self.waiting]

    def resolve(self, outcomes: Iterable[Outcome | None]) -> None:
        """Set the outcomes of the unresolved operations, in order; None leaves one unresolved."""
        waiting: list[int] = []
        for index, outcome in zip(self.waiting, outcomes, strict=False):
            if outcome is None:
                waiting.append(index)
            else:
                self._outcomes[index] = outcome
        self._finish(waiting)

    def deliver(self, replies: list[Reply], *, all_ran: bool) -> None:
        """Set the replies of the unresolved operations: FAULT is an error, NOT_RUN leaves one unresolved."""
        if not all_ran:
            self.resolve(map(_outcome_of, self.unresolved(), replies))
        elif len(replies) < len(self.operations):
            self.resolve(replies)
        else:
            self._outcomes[:] = replies
            self._finish(())

    def _finish(self, waiting: Sequence[int]) -> None:
        self.waiting = waiting
        if not waiting and not self.done.done():  # done: the caller was cancelled
            self.done.set_result(self._outcomes)

    def expire(self) -> None:
        """Set the outcomes of a call whose deadline has passed."""
        error = _outcome_unknown if self.may_have_run else _not_run
        self.resolve(map(error, self.unresolved()))


def _outcome_of(operation: OperationArgs, reply: Reply) -> Outcome | None:
    if reply[0] == "NOT_RUN":
        return None
    return _outcome_unknown(operation) if reply[0] == "FAULT" else reply


def _outcome_unknown(operation: OperationArgs) -> OutcomeUnknownError:
    """The error of an operation that may have run."""
    return OutcomeUnknownError(None, session_id=operation[1])


def _not_run(_: OperationArgs) -> StoreUnavailableError:
    return StoreUnavailableError()
