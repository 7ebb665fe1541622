"""Pending operation: its arguments, its deadline and the future of its outcome."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from slta.models.errors import OutcomeUnknownError, StoreUnavailableError
from slta.store.client.functions import Argument
from slta.store.replies import Reply

OperationArgs = tuple[str, str, Argument, Argument, Argument]
"""Operation, session id and three arguments, as `lua/library.lua` takes them."""
Outcome = Reply | Exception
"""Reply or error of an operation. An error is a value, so that asyncio does not log it as never retrieved."""


@dataclass(slots=True)
class PendingOperation:
    """Operation whose caller awaits `outcome`; `deadline` in seconds of the event loop's clock."""

    arguments: OperationArgs
    outcome: asyncio.Future[Outcome]
    deadline: float
    may_have_run: bool = False

    def resolve(self, outcome: Outcome) -> None:
        """Set the outcome, unless it is set or the caller was cancelled."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def outcome_unknown(self) -> OutcomeUnknownError:
        """The error of an operation that may have run."""
        return OutcomeUnknownError(None, session_id=self.arguments[1])

    def deadline_exceeded(self) -> Exception:
        """The error of an operation whose deadline has passed."""
        return self.outcome_unknown() if self.may_have_run else StoreUnavailableError()
