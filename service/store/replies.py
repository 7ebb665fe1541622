"""What the Lua library answers: words become values, or errors, here and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from service import errors
from service.requests import Event, Facts
from service.values import (
    MICROSECONDS,
    AlreadyEnded,
    Choice,
    Completed,
    Configured,
    Placement,
    Pool,
    PoolPage,
    Reconciliation,
    Renewal,
    Renewed,
    Reported,
    Session,
)

Reply = list[Any]
"""A word, and what belongs to it; each Lua function's header lists its replies."""

REFUSALS: dict[str, type[errors.DispatchError]] = {
    "UNKNOWN_FLEET": errors.UnknownFleet,
    "NEWER_FLEET": errors.NewerFleet,
    "OLDER_FLEET": errors.OlderFleet,
    "REPAIRING": errors.Repairing,
    "DAMAGED": errors.Damaged,
    "DOCUMENT_CHANGED": errors.VersionMismatch,
    "UNKNOWN_POOL": errors.UnknownPool,
    "UNKNOWN_CLASS": errors.UnknownClass,
    "IN_OTHER_CLASS": errors.PoolInOtherClass,
    "LIMIT": errors.PoolLimit,
    "NOT_EMPTY": errors.PoolNotEmpty,
    "IN_USE": errors.FleetInUse,
    "CLASS_IN_USE": errors.ClassInUse,
    "CAPACITY_BELOW_OCCUPANCY": errors.CapacityBelowOccupancy,
    "VERSION_MISMATCH": errors.VersionMismatch,
    "STALE_REPORT": errors.StaleReport,
    "NO_ACTIVE_POOL": errors.NoActivePool,
    "FULL": errors.NoCapacity,
    "OBSERVES": errors.FleetObserves,
}
"""Words that refuse; one fact may follow: the name of what is in the way, or what would be right."""

LEFT_OUT: dict[str, type[errors.DispatchError]] = {
    "OVER_CAPACITY": errors.OverCapacity,
    "UNKNOWN_POOL": errors.ReportedPoolUnknown,
}
"""Words that refuse a report of one session; in a pool's list they are outcomes."""


def checked(reply: Reply) -> Reply:
    """The reply, unless its word is a refusal."""
    refusal = REFUSALS.get(reply[0])
    if refusal is None:
        return reply
    raise refusal(None, **({refusal.fact: str(reply[1])} if len(reply) > 1 else {}))


def placement(session_id: str, reply: Reply) -> Placement:
    """The reply of `assign`. SessionEnded, FleetObserves, NoCapacity, NoActivePool."""
    if reply[0] == "ENDED":
        raise _ended(reply)
    word, pool_id, pool_class, lease, _start, _due, *token = checked(reply)
    return Placement(
        session_id=session_id,
        pool_id=pool_id,
        pool_class=pool_class,
        token=token[0] if token else None,
        lease_seconds=int(lease) / MICROSECONDS,
        replayed=word == "REPLAYED",
    )


def reported(session_id: str, reply: Reply) -> Reported:
    """The reply of `report`. SessionEnded, OverCapacity, ReportedPoolUnknown."""
    if reply[0] == "ENDED":
        raise _ended(reply)
    if reply[0] in LEFT_OUT:
        raise LEFT_OUT[reply[0]]
    word, pool_id, pool_class, lease, _start, _due, *comparison = checked(reply)
    here, choice = _compared(*comparison) if comparison else (None, None)
    return Reported(
        session_id=session_id,
        pool_id=pool_id,
        pool_class=pool_class,
        outcome=word.lower(),
        lease_seconds=int(lease) / MICROSECONDS,
        marginal_utility=here,
        jlmu_choice=choice,
    )


def _compared(here: int, pool_id: str, pool_class: str, there: int, exponent: int) -> tuple[float, Choice]:
    """The marginal utility at the reported place, and JLMU's choice, in the unit of the fleet file."""
    unit = 10.0 ** int(exponent)
    choice = Choice(pool_id=pool_id, pool_class=pool_class, marginal_utility=int(there) / unit)
    return int(here) / unit, choice


def completion(session_id: str, reply: Reply) -> Completed | AlreadyEnded:
    """The reply of `complete`. UnknownSession."""
    if reply[0] == "UNKNOWN":
        raise errors.UnknownSession
    if reply[0] == "COMPLETED":
        return Completed(session_id=session_id, pool_id=reply[1])
    _, reason, pool_id = reply
    return AlreadyEnded(session_id=session_id, pool_id=pool_id, reason=reason)


def renewal(session_id: str, reply: Reply) -> Renewal:
    """The reply of `renew` for one session. SessionEnded, UnknownSession."""
    if reply[0] == "UNKNOWN":
        raise errors.UnknownSession
    if reply[0] == "EXPIRED":
        raise errors.SessionEnded("The session has ended. A new session needs a new id.")
    return Renewal(session_id=session_id)


def renewed(session_ids: Sequence[str], replies: Sequence[Reply]) -> Renewed:
    """The replies of `renew`, one for each session."""
    by_word = _by_word(session_ids, replies)
    return Renewed(
        renewed=by_word.get("RENEWED", []),
        expired=by_word.get("EXPIRED", []),
        unknown=by_word.get("UNKNOWN", []),
    )


def session(session_id: str, reply: Reply) -> Session:
    """The reply of `session`. UnknownSession, SessionEnded."""
    if reply[0] == "UNKNOWN":
        raise errors.UnknownSession
    if reply[0] == "ENDED":
        raise _ended(reply)
    _, pool_id, pool_class, age, left, level, token = reply
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
    """The reply of `pool`, and of the functions that change one."""
    _, pool_id, pool_class, status, occupancy = reply
    return Pool(pool_id=pool_id, pool_class=pool_class, status=status, occupancy=int(occupancy))


def pool_page(reply: Reply) -> PoolPage:
    """The reply of `pool_page`: four words a pool."""
    _, following, *flat = reply
    pools = [pool(["POOL", *flat[at : at + 4]]) for at in range(0, len(flat), 4)]
    return PoolPage(pools=pools, next_cursor=str(following) if following != "" else None)


def reconciliation(ended: list[str], strangers: Sequence[str], replies: Sequence[Reply]) -> Reconciliation:
    """Sessions that have `ended`, and the replies of `adopt`, one for each stranger."""
    by_word = _by_word(strangers, replies)
    return Reconciliation(
        ended=ended,
        adopted=by_word.get("ADOPTED", []),
        over_capacity=by_word.get("OVER_CAPACITY", []),
        already_ended=by_word.get("ENDED", []),
        elsewhere=by_word.get("ELSEWHERE", []),
    )


def configured(reply: Reply) -> Configured:
    """The reply of `put`."""
    _, version, created = reply
    return Configured(config_version=int(version), created=bool(int(created)))


def event(text: str) -> Event:
    """An event as `lua/events.lua` keeps it. What a newer version told besides is left out."""
    told = json.loads(text)
    refusal = REFUSALS.get(told["outcome"])
    outcome = refusal.code if refusal else told["outcome"].lower()
    facts = {name: _facts(told.get(name)) for name in ("before", "after")}
    known = {name: told.get(name) for name in Event.__dataclass_fields__}
    return Event(**known | facts | {"outcome": outcome})


def _facts(told: dict[str, Any] | None) -> Facts | None:
    return None if told is None else Facts(**{name: told.get(name) for name in Facts.__dataclass_fields__})


def _by_word(session_ids: Sequence[str], replies: Sequence[Reply]) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {}
    for session_id, reply in zip(session_ids, replies, strict=True):
        ids.setdefault(reply[0], []).append(session_id)
    return ids


def _ended(reply: Reply) -> errors.SessionEnded:
    _, reason, pool_id = reply
    return errors.SessionEnded(None, pool_id=pool_id, reason=reason)
