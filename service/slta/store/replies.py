"""Reply parsers: outcomes of the Lua library as result types, or as errors."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slta.models import (
    MICROSECONDS,
    AlreadyEnded,
    Choice,
    Completed,
    Configured,
    Placement,
    Pool,
    PoolPage,
    PoolsChanged,
    Reconciliation,
    Renewal,
    Renewed,
    Reported,
    Session,
    errors,
)
from slta.models.request_record import Event, Facts

Reply = list[Any]
"""An outcome and its payload; the header of each Lua function lists its replies."""

REFUSALS: dict[str, type[errors.DispatchError]] = {
    "UNKNOWN_FLEET": errors.UnknownFleetError,
    "NEWER_FLEET": errors.NewerFleetError,
    "OLDER_FLEET": errors.OlderLayoutError,
    "REPAIRING": errors.RepairingError,
    "DAMAGED": errors.DamagedError,
    "DOCUMENT_CHANGED": errors.VersionMismatchError,
    "UNKNOWN_POOL": errors.UnknownPoolError,
    "TOO_LARGE": errors.ChangeTooLargeError,
    "UNKNOWN_CLASS": errors.UnknownClassError,
    "IN_OTHER_CLASS": errors.PoolInOtherClassError,
    "LIMIT": errors.PoolLimitError,
    "NOT_EMPTY": errors.PoolNotEmptyError,
    "IN_USE": errors.FleetInUseError,
    "CLASS_IN_USE": errors.ClassInUseError,
    "CAPACITY_BELOW_OCCUPANCY": errors.CapacityBelowOccupancyError,
    "VERSION_MISMATCH": errors.VersionMismatchError,
    "STALE_REPORT": errors.StaleReportError,
    "NO_ACTIVE_POOL": errors.NoActivePoolError,
    "FULL": errors.NoCapacityError,
    "OBSERVES": errors.FleetObservesError,
}
"""Error by outcome; a value may follow, see `DispatchError.fact`."""

SESSION_REFUSALS: dict[str, type[errors.DispatchError]] = {
    "UNKNOWN": errors.UnknownSessionError,
    "ENDED": errors.SessionEndedError,
    "OVER_CAPACITY": errors.OverCapacityError,
    "UNKNOWN_POOL": errors.ReportedPoolUnknownError,
}
"""Error by outcome of an operation on one session. In operations on many sessions these outcomes are results."""

RESULTS = {
    "placement": "ASSIGNED REPLAYED ADOPTED RENEWED NEW SAME MOVED",
    "session": "COMPLETED ENDED_NOW EXPIRED PRESENT ELSEWHERE KEPT",
    "restored fact": "PLACED MOVED LENGTHENED ENDED_NOW REMEMBERED",
    "batch": "BATCH FAULT NOT_RUN OTHER_FLEET",
    "change": "CONFIGURED DELETED CREATED POOL CHANGED REMOVED MARKED TICKED SUSPECT",
    "read": "SNAPSHOT PAST SESSION CONFIG PAGE IDS EVENTS INCARNATIONS CONFIGURATION",
    "audit": "AUDITED CENSUS CLASSES SURVEYED BEGUN SLICE REPAIRED WAIT SOUND BLOCKED",
}
"""All other outcomes by kind. A placement is followed by pool id, class, lease, start and due second."""


def checked(reply: Reply) -> Reply:
    """The reply, unless its outcome is one of `REFUSALS`, which raises its error."""
    refusal = REFUSALS.get(reply[0])
    if refusal is None:
        return reply
    raise refused(refusal, reply)


def refused(refusal: type[errors.DispatchError], reply: Reply) -> errors.DispatchError:
    """Error of a reply whose outcome is a refusal, with the value that follows."""
    return refusal(None, **({refusal.fact: str(reply[1])} if len(reply) > 1 else {}))


def session_checked(reply: Reply, *results: str) -> Reply:
    """As `checked`, but raises `SESSION_REFUSALS` too, unless the outcome is one of `results`."""
    outcome, *payload = reply
    refusal = SESSION_REFUSALS.get(outcome)
    if refusal is None or outcome in results:
        return checked(reply)
    raise refusal(None, **dict(zip(("pool_id", "reason"), reversed(payload), strict=False)))


def placement(session_id: str, reply: Reply) -> Placement:
    """Parse the reply of `assign`. SessionEndedError, FleetObservesError, NoCapacityError, NoActivePoolError."""
    outcome, pool_id, pool_class, lease, _start, _due, *token = session_checked(reply)
    return Placement(
        session_id=session_id,
        pool_id=pool_id,
        pool_class=pool_class,
        token=token[0] if token else None,
        lease_seconds=int(lease) / MICROSECONDS,
        replayed=outcome == "REPLAYED",
    )


def reported(session_id: str, reply: Reply) -> Reported:
    """Parse the reply of `report`. SessionEndedError, OverCapacityError, ReportedPoolUnknownError."""
    outcome, pool_id, pool_class, lease, _start, _due, *comparison = session_checked(reply)
    here, choice = _compared(*comparison) if comparison else (None, None)
    return Reported(
        session_id=session_id,
        pool_id=pool_id,
        pool_class=pool_class,
        outcome=outcome.lower(),
        lease_seconds=int(lease) / MICROSECONDS,
        marginal_utility=here,
        jlmu_choice=choice,
    )


def _compared(here: int, pool_id: str, pool_class: str, there: int, exponent: int) -> tuple[float, Choice]:
    """Marginal utility at the reported place, and JLMU's choice, in the unit of the fleet file."""
    unit = 10.0 ** int(exponent)
    choice = Choice(pool_id=pool_id, pool_class=pool_class, marginal_utility=int(there) / unit)
    return int(here) / unit, choice


def completion(session_id: str, reply: Reply) -> Completed | AlreadyEnded:
    """Parse the reply of `complete`. UnknownSessionError."""
    outcome, *payload = session_checked(reply, "ENDED")
    if outcome == "COMPLETED":
        return Completed(session_id=session_id, pool_id=payload[0])
    reason, pool_id = payload
    return AlreadyEnded(session_id=session_id, pool_id=pool_id, reason=reason)


def renewal(session_id: str, reply: Reply) -> Renewal:
    """Parse the reply of `renew` for one session. SessionEndedError, UnknownSessionError."""
    if reply[0] == "EXPIRED":  # without pool and reason
        raise errors.SessionEndedError("The session has ended. A new session needs a new `session_id`.")
    session_checked(reply)
    return Renewal(session_id=session_id)


OPERATION_PARSERS: Mapping[str, Callable[[str, Reply], Placement | Completed | AlreadyEnded | Renewal]] = {
    "assign": placement,
    "complete": completion,
    "renew": renewal,
}


def operation_result(
    kind: str, session_id: str, outcome: Reply | Exception
) -> Placement | Completed | AlreadyEnded | Renewal | Exception:
    """Parse the outcome of an operation in a batch; errors are values."""
    if isinstance(outcome, Exception):
        return outcome
    try:
        return OPERATION_PARSERS[kind](session_id, outcome)
    except errors.DispatchError as error:
        return error


def renewed(session_ids: Sequence[str], replies: Sequence[Reply]) -> Renewed:
    """Parse the replies of `renew`, one per session."""
    groups = _group_by_outcome(session_ids, replies)
    return Renewed(renewed=groups["RENEWED"], expired=groups["EXPIRED"], unknown=groups["UNKNOWN"])


def session(session_id: str, reply: Reply) -> Session:
    """Parse the reply of `session`. UnknownSessionError, SessionEndedError."""
    _, pool_id, pool_class, age, left, level, token = session_checked(reply)
    return Session(
        session_id=session_id,
        pool_id=pool_id,
        pool_class=pool_class,
        token=token or None,
        level=int(level) if level else None,
        age_seconds=int(age) / MICROSECONDS,
        lease_seconds_left=max(0, int(left)) / MICROSECONDS if left else None,
    )


def pool(reply: Reply) -> Pool:
    """Parse the reply of `pool`, or of a function that changes a pool."""
    _, pool_id, pool_class, status, occupancy = reply
    return Pool(pool_id=pool_id, pool_class=pool_class, status=status, occupancy=int(occupancy))


def pool_page(reply: Reply) -> PoolPage:
    """Parse the reply of `pool_page`: four fields per pool."""
    _, cursor, *flat = reply
    pools = [pool(["POOL", *flat[at : at + 4]]) for at in range(0, len(flat), 4)]
    return PoolPage(pools=pools, next_cursor=str(cursor) if cursor != "" else None)


def pools_changed(reply: Reply) -> PoolsChanged:
    """Parse the reply of `set_statuses`."""
    _, count, *ids = reply
    return PoolsChanged(changed=ids[: int(count)], unchanged=ids[int(count) :])


def reconciliation(ended: list[str], unknown: Sequence[str], replies: Sequence[Reply]) -> Reconciliation:
    """Result from the `ended` sessions, and the replies of `adopt`, one per unknown session."""
    groups = _group_by_outcome(unknown, replies)
    return Reconciliation(
        ended=ended,
        adopted=groups["ADOPTED"],
        over_capacity=groups["OVER_CAPACITY"],
        already_ended=groups["ENDED"],
        elsewhere=groups["ELSEWHERE"],
    )


def configured(reply: Reply) -> Configured:
    """Parse the reply of `put`."""
    _, version, created = reply
    return Configured(config_version=int(version), created=bool(int(created)))


def event(text: str) -> Event:
    """Parse an event of `lua/events.lua`. Unknown fields, which a newer version may have written, are ignored."""
    payload = json.loads(text)
    refusal = REFUSALS.get(payload["outcome"])
    outcome = refusal.code if refusal else payload["outcome"].lower()
    facts = {name: _facts(payload.get(name)) for name in ("before", "after")}
    fields = {name: payload.get(name) for name in Event.__dataclass_fields__}
    return Event(**fields | facts | {"outcome": outcome})


def _facts(payload: dict[str, Any] | None) -> Facts | None:
    return None if payload is None else Facts(**{name: payload.get(name) for name in Facts.__dataclass_fields__})


def _group_by_outcome(session_ids: Sequence[str], replies: Sequence[Reply]) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = defaultdict(list)
    for session_id, reply in zip(session_ids, replies, strict=True):
        ids[reply[0]].append(session_id)
    return ids
