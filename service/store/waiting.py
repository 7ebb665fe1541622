"""An operation and who waits for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from service.errors import OutcomeUnknown, StoreUnavailable
from service.store.caller import Argument
from service.store.replies import Reply

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

    def settle(self, outcome: Outcome) -> None:
        """Whoever waits hears of it, unless they have left or have heard."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def unknown(self) -> OutcomeUnknown:
        """It may have run."""
        return OutcomeUnknown(None, session_id=self.words[1])

    def too_late(self) -> Exception:
        """Its time is over."""
        return self.unknown() if self.may_have_run else StoreUnavailable()
