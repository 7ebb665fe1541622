"""Sessions: assign, report, complete, renew, look up. The functions are in `lua/sessions.lua` and `lua/reports.lua`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from service.errors import DispatchError
from service.store import replies
from service.store.batching import Operations
from service.store.caller import Argument, Caller
from service.store.waiting import Outcome, Words
from service.values import MICROSECONDS, AlreadyEnded, Completed, Placement, Renewal, Renewed, Reported, Session

Done = Placement | Completed | AlreadyEnded | Renewal | Exception
"""What became of an operation."""


class Asked(NamedTuple):
    """One operation; `lease_seconds` as in the method of its kind."""

    kind: Literal["assign", "complete", "renew"]
    session_id: str
    lease_seconds: float | None = None


_READERS: Mapping[str, Callable[[str, replies.Reply], Placement | Completed | AlreadyEnded | Renewal]] = {
    "assign": replies.placement,
    "complete": replies.completion,
    "renew": replies.renewal,
}


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
        """Place a session, or say where it is. SessionEnded, FleetObserves, NoCapacity, NoActivePool.

        `lease_seconds` None: the fleet's; 0: no lease.
        """
        words = self._words("assign", session_id, lease_seconds)
        return replies.placement(session_id, await self._operations.submit(fleet, words, arrived))

    async def report(
        self, fleet: str, session_id: str, pool_id: str, lease_seconds: float | None, arrived: float | None = None
    ) -> Reported:
        """A session is on this pool, whoever put it there. SessionEnded, OverCapacity, ReportedPoolUnknown.

        `lease_seconds` as in `assign`, for a session that is new. One that is on another pool moves, under its lease.
        """
        words = ("report", session_id, pool_id, _microseconds(lease_seconds), repr(self._draw()))
        return replies.reported(session_id, await self._operations.submit(fleet, words, arrived))

    async def complete(self, fleet: str, session_id: str, arrived: float | None = None) -> Completed | AlreadyEnded:
        """End a session. UnknownSession; then a late assign of the id gets SessionEnded."""
        words = self._words("complete", session_id)
        return replies.completion(session_id, await self._operations.submit(fleet, words, arrived))

    async def renew(
        self, fleet: str, session_ids: Sequence[str], lease_seconds: float | None, arrived: float | None = None
    ) -> Renewed:
        """Extend leases, by their own length when `lease_seconds` is None."""
        lease = _microseconds(lease_seconds)
        words = [("renew", id_, lease, "", "") for id_ in session_ids]
        outcomes = await self._operations.submit_all(fleet, words, arrived)
        return replies.renewed(session_ids, outcomes)

    async def operate(self, fleet: str, asked: Sequence[Asked], arrived: float | None = None) -> list[Done]:
        """What became of each, in their order and with nobody else's in between; errors are values here."""
        outcomes = await self._operations.outcomes(fleet, [self._words(*one) for one in asked], arrived)
        return [_read(one, outcome) for one, outcome in zip(asked, outcomes, strict=True)]

    def waiting_seconds(self, fleet: str) -> float:
        """How long an operation that comes now would wait before it is sent."""
        return self._operations.waiting_seconds(fleet)

    async def get(self, fleet: str, session_id: str) -> Session:
        """Where a live session is. UnknownSession, SessionEnded."""
        return replies.session(session_id, await self._caller.read("session", fleet, session_id))

    def _words(self, kind: str, session_id: str, lease_seconds: float | None = None) -> Words:
        draw = repr(self._draw()) if kind == "assign" else ""
        return (kind, session_id, _microseconds(lease_seconds), draw, "")


def _read(asked: Asked, outcome: Outcome) -> Done:
    if isinstance(outcome, Exception):
        return outcome
    try:
        return _READERS[asked.kind](asked.session_id, outcome)
    except DispatchError as error:
        return error


def _microseconds(seconds: float | None) -> Argument:
    return "" if seconds is None else round(seconds * MICROSECONDS)
