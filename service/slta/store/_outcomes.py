"""Outcomes of the Lua library: the words of its replies, and the error of each refusal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slta.models import errors

Reply = list[Any]
"""An outcome and its payload; the header of each Lua function lists its replies."""

Attributes = str | list[str]
"""Attributes of the pool that an outcome names: the address, or the address and another text."""

REFUSALS: dict[str, type[errors.DispatchError]] = {
    "UNKNOWN_FLEET": errors.UnknownFleetError,
    "NEWER_FLEET": errors.NewerFleetError,
    "DAMAGED": errors.DamagedError,
    "FAILED": errors.RepairFailedError,
    "DOCUMENT_CHANGED": errors.VersionMismatchError,
    "UNKNOWN_POOL": errors.UnknownPoolError,
    "TOO_LARGE": errors.ChangeTooLargeError,
    "UNKNOWN_CLASS": errors.UnknownClassError,
    "IN_OTHER_CLASS": errors.PoolInOtherClassError,
    "LIMIT": errors.PoolLimitError,
    "QUOTA": errors.PoolQuotaError,
    "NOT_EMPTY": errors.PoolNotEmptyError,
    "IN_USE": errors.FleetInUseError,
    "CLASS_IN_USE": errors.ClassInUseError,
    "CAPACITY_BELOW_OCCUPANCY": errors.CapacityBelowOccupancyError,
    "SESSION_TYPE_IN_USE": errors.SessionTypeInUseError,
    "UNKNOWN_SESSION_TYPE": errors.UnknownSessionTypeError,
    "VERSION_MISMATCH": errors.VersionMismatchError,
    "STALE_REPORT": errors.StaleReportError,
    "NO_ACTIVE_POOL": errors.NoActivePoolError,
    "FULL": errors.NoCapacityError,
    "LOW_PRIORITY": errors.LowPriorityError,
    "OBSERVES": errors.FleetObservesError,
}
"""Error by outcome; values may follow, see `DispatchError.facts`."""

SESSION_REFUSALS: dict[str, type[errors.DispatchError]] = {
    "UNKNOWN": errors.UnknownSessionError,
    "UNMARKED": errors.UnknownSessionError,
    "RECOVERING": errors.RecoveringError,
    "ENDED": errors.SessionEndedError,
    "OVER_CAPACITY": errors.OverCapacityError,
    "INCOMPATIBLE": errors.IncompatibleError,
    "UNKNOWN_POOL": errors.ReportedPoolUnknownError,
    "POOL_NOT_ALLOWED": errors.PoolNotAllowedError,
}
"""Error by outcome of an operation on one session. In operations on many sessions these outcomes are results."""

RESULTS = {
    "placement": "ASSIGNED REPLAYED ADOPTED RENEWED NEW SAME MOVED",
    "session": "COMPLETED ENDED_NOW EXPIRED PRESENT ELSEWHERE KEPT",
    "restored": "PLACED MOVED LENGTHENED ENDED_NOW REMEMBERED",
    "restore": "RESTORED OTHER_INCARNATION SUPERSEDED LATE",
    "batch": "BATCH FAULT NOT_RUN",
    "change": "CONFIGURED FINISHED CREATED POOL CHANGED REMOVED DELETED TICKED SUSPECT BEATS GUARDED",
    "read": "SNAPSHOT PAST SESSION CONFIG PAGE IDS EVENTS INCARNATIONS",
    "rebuild": "RUN AGAIN BEGUN BLOCKED STORED",
}
"""All other outcomes by kind. A placement is followed by pool id, class (and type, see `split_type`), lease, start, due
second and a detail: the token of an assign, or the comparison of a report; '' without one.

Last in an outcome that names a pool may be its attributes, which `with_attributes` has added: the address, or a list of
the address and another text.
"""


def checked(reply: Reply) -> Reply:
    """The reply, unless its outcome is one of `REFUSALS`, which raises its error."""
    refusal = REFUSALS.get(reply[0])
    if refusal is None:
        return reply
    raise refused(refusal, reply)


def refused(refusal: type[errors.DispatchError], reply: Reply) -> errors.DispatchError:
    """Error of a reply whose outcome is a refusal, with the values that follow."""
    return refusal(None, **dict(zip(refusal.facts, map(str, reply[1:]), strict=False)))


def session_checked(reply: Reply, *results: str) -> Reply:
    """As `checked`, but raises `SESSION_REFUSALS` too, unless the outcome is one of `results`."""
    outcome, *payload = reply
    refusal = SESSION_REFUSALS.get(outcome)
    if refusal is None or outcome in results:
        return checked(reply)
    reason_and_pool, address = payload[:2], payload[2:]
    context = dict(zip(("pool_id", "reason"), reversed(reason_and_pool), strict=False))
    raise refusal(None, **context, **({"address": address[0]} if any(address) else {}))


def with_attributes(outcomes: list[Reply], attributes: Sequence[Attributes]) -> list[Reply]:
    """The outcomes of a batch's reply, to which its attributes are added, once the replay log has them without."""
    for outcome, added in zip(outcomes, attributes, strict=False):
        if added:
            outcome.append(added)
    return outcomes
