"""Sessions: assign, report, complete, renew, get. In Lua: `lua/sessions/sessions.lua` and `lua/pools/reports.lua`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from slta.core.session_types import DEFAULT_TYPE
from slta.models import MICROSECONDS, AlreadyEnded, Completed, Placement, Renewed, Reported, Session
from slta.store import _replies
from slta.store._batching.operations import Operations
from slta.store._batching.pending import OperationArgs, Outcome
from slta.store._client.functions import FunctionClient
from slta.store.operations import Word

OperationRequest = tuple[str, str, str, str]
"""One operation: `assign`, `complete`, `renew` or `report`, session id, `lease_seconds` as text (empty: None), option.

The option is a value of `ASSIGN_OPTIONS`, `UNMARKED` for a complete, `report_option` for a report, else empty.
"""
DRAWING = frozenset({"assign", "report"})
"""Operations whose decision or comparison is random."""
UNMARKED = "unmarked"
"""Option of a complete that does not remember an unknown id."""
ASSIGN_OPTIONS = {(False, False): "", (True, False): " touch", (False, True): " labels", (True, True): " touch labels"}
"""Options of an assign by (renew the lease of a live session, return the labels of the pool), but type and priority."""
PRIORITIES = {"high": "", "low": " low"}
"""Further option by priority."""


def report_option(
    pool_id: str, *, late: bool = False, only: Collection[str] | None = None, session_type: str = DEFAULT_TYPE
) -> str:
    """Option of a report of a session on a pool, of this type if it is new.

    `late`: it may have been placed some time ago. `only`: patterns of pools, in which a * stands for any characters;
    one must be of the pool and one of the pool that the session was on.
    """
    return (f"{pool_id} late" if late else pool_id) + type_option(session_type) + restriction(only)


def type_option(session_type: str) -> str:
    """End of an option that names the session's type; empty for the default one."""
    return "" if session_type == DEFAULT_TYPE else f" type:{session_type}"


def restriction(only: Collection[str] | None) -> str:
    """End of a report's option that restricts it to pools that match one of the patterns; empty if None, for all."""
    return "" if only is None else f" only:{','.join(sorted(only))}"


class Sessions:
    """Sessions of all fleets. `arrived` is the request's time by the event loop's clock, None for now.

    Every method may raise UnknownFleetError, StoreUnavailableError, OutcomeUnknownError.
    """

    def __init__(self, functions: FunctionClient, operations: Operations, draw: Callable[[], float]) -> None:
        """`draw` returns numbers uniform in [0, 1), the randomness of decisions."""
        self._functions = functions
        self._operations = operations
        self._draw = draw

    async def assign(  # noqa: PLR0913 - one argument an option
        self,
        fleet: str,
        session_id: str,
        lease_seconds: float | None,
        arrived: float | None = None,
        *,
        touch: bool = False,
        labels: bool = False,
        session_type: str = DEFAULT_TYPE,
        priority: str = "high",
    ) -> Placement:
        """Place a session, or return the placement of a live one, whose lease is renewed with `touch`.

        `lease_seconds` None is the fleet's default, 0 no lease. With `labels` a LabelledPlacement. The type of a live
        session stays. `priority` is one of PRIORITIES. SessionEndedError, FleetObservesError, NoCapacityError,
        NoActivePoolError, LowPriorityError, UnknownSessionTypeError.
        """
        lease, draw = _microseconds(lease_seconds), repr(self._draw())
        options = ASSIGN_OPTIONS[touch, labels] + PRIORITIES[priority] + type_option(session_type)
        arguments = ("assign", session_id, lease, draw, options)
        return _replies.placement(session_id, await self._operations.submit(fleet, arguments, arrived))

    async def report(
        self, fleet: str, session_id: str, option: str, lease_seconds: float | None, arrived: float | None = None
    ) -> Reported:
        """Record that a session is on a pool; a session recorded on another pool moves and keeps its lease and type.

        `option` is the pool's id, or `report_option`; `lease_seconds` as in `assign`, for a new session.
        SessionEndedError, OverCapacityError, IncompatibleError, ReportedPoolUnknownError, PoolNotAllowedError,
        UnknownSessionTypeError.
        """
        arguments = ("report", session_id, _microseconds(lease_seconds), repr(self._draw()), option)
        return _replies.reported(session_id, await self._operations.submit(fleet, arguments, arrived))

    async def complete(
        self, fleet: str, session_id: str, arrived: float | None = None, *, mark: bool = True
    ) -> Completed | AlreadyEnded:
        """End a session. UnknownSessionError; if `mark`, a late assign of the id raises SessionEndedError then."""
        arguments = ("complete", session_id, "", "", "" if mark else UNMARKED)
        return _replies.completion(session_id, await self._operations.submit(fleet, arguments, arrived))

    async def renew(
        self, fleet: str, session_ids: Sequence[str], lease_seconds: float | None, arrived: float | None = None
    ) -> Renewed:
        """Restart leases, with their own length if `lease_seconds` is None."""
        lease = _microseconds(lease_seconds)
        arguments = [("renew", id_, lease, "", "") for id_ in session_ids]
        outcomes = await self._operations.submit_all(fleet, arguments, arrived)
        return _replies.renewed(session_ids, outcomes)

    async def operate(
        self, fleet: str, requests: Sequence[OperationRequest], arrived: float | None = None
    ) -> list[Outcome]:
        """Run operations in order, without others in between; `_replies.operation_result` parses an outcome."""
        draw = self._draw
        arguments: list[OperationArgs] = [
            (kind, session_id, lease and _microseconds(float(lease)), repr(draw()) if kind in DRAWING else "", option)
            for kind, session_id, lease, option in requests
        ]
        return await self._operations.outcomes(fleet, arguments, arrived)

    def waiting_seconds(self, fleet: str) -> float:
        """Estimated queueing delay of an operation that arrives now."""
        return self._operations.waiting_seconds(fleet)

    async def get(self, fleet: str, session_id: str) -> Session:
        """A live session. UnknownSessionError, SessionEndedError."""
        return _replies.session(session_id, await self._functions.read("session", fleet, session_id=session_id))


def _microseconds(seconds: float | None) -> Word:
    return "" if seconds is None else round(seconds * MICROSECONDS)
