"""Sessions: assign, complete, renew, look up. The functions are in `lua/sessions.lua`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from service.store import replies
from service.store.batching import Operations
from service.store.caller import Argument, Caller
from service.values import MICROSECONDS, AlreadyEnded, Completed, Placement, Renewed, Session


class Sessions:
    """The sessions of all fleets. Every method may raise UnknownFleet, StoreUnavailable or OutcomeUnknown.

    `arrived` is when the request came in, by the event loop's clock; None for now.
    """

    def __init__(self, caller: Caller, operations: Operations, draw: Callable[[], float]) -> None:
        """`draw` gives numbers uniform in [0, 1): the randomness of a decision."""
        self._caller = caller
        self._operations = operations
        self._draw = draw

    async def assign(
        self, fleet: str, session_id: str, lease_seconds: float | None, arrived: float | None = None
    ) -> Placement:
        """Place a session, or say where it is. SessionEnded, NoCapacity, NoActivePool.

        `lease_seconds` None: the fleet's; 0: no lease.
        """
        words = ("assign", session_id, _microseconds(lease_seconds), repr(self._draw()), "")
        return replies.placement(session_id, await self._operations.submit(fleet, words, arrived))

    async def complete(self, fleet: str, session_id: str, arrived: float | None = None) -> Completed | AlreadyEnded:
        """End a session. UnknownSession; then a late assign of the id gets SessionEnded."""
        words = ("complete", session_id, "", "", "")
        return replies.completion(session_id, await self._operations.submit(fleet, words, arrived))

    async def renew(
        self, fleet: str, session_ids: Sequence[str], lease_seconds: float | None, arrived: float | None = None
    ) -> Renewed:
        """Extend leases, by their own length when `lease_seconds` is None."""
        lease = _microseconds(lease_seconds)
        words = [("renew", id_, lease, "", "") for id_ in session_ids]
        outcomes = await self._operations.submit_all(fleet, words, arrived)
        return replies.renewed(session_ids, outcomes)

    async def get(self, fleet: str, session_id: str) -> Session:
        """Where a live session is. UnknownSession, SessionEnded."""
        return replies.session(session_id, await self._caller.read("session", fleet, session_id))


def _microseconds(seconds: float | None) -> Argument:
    return "" if seconds is None else round(seconds * MICROSECONDS)
