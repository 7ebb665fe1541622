"""Reply parsers of sessions and pools: outcomes of the Lua library as result types, or as errors."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict

from slta.core.session_types import DEFAULT_TYPE
from slta.models import (
    MICROSECONDS,
    AlreadyEnded,
    Choice,
    Completed,
    Drain,
    LabelledPlacement,
    Placement,
    Pool,
    PoolPage,
    PoolsAdded,
    PoolsChanged,
    Reconciliation,
    Renewal,
    Renewed,
    Reported,
    Session,
    errors,
)
from slta.models.errors import OutcomeUnknownError
from slta.models.pools import Beats, Heartbeat, HeartbeatOutcome, PoolBeat
from slta.store._outcomes import Attributes, Reply, session_checked


def split_attributes(attributes: Attributes) -> tuple[str | None, str]:
    """Address, and the other text: labels as JSON, or the address of JLMU's choice; None and '' without one."""
    address, second = attributes if isinstance(attributes, list) else (attributes, "")
    return address or None, second


def labels_of(text: str) -> Mapping[str, str]:
    """Labels from their JSON, '' for none. Damaged ones, which an audit finds, are left out."""
    with suppress(ValueError):
        labels = json.loads(text or "{}")
        return labels if isinstance(labels, dict) else {}
    return {}


def split_type(class_and_type: str) -> tuple[str, str]:
    """Class of the pool and type of the session, which follows a blank if it is not the default one."""
    pool_class, _, session_type = class_and_type.partition(" ")
    return pool_class, session_type or DEFAULT_TYPE


def placement(session_id: str, reply: Reply) -> Placement:
    """Parse the reply of `assign`; a LabelledPlacement if labels were asked for.

    SessionEndedError, FleetObservesError, NoCapacityError, NoActivePoolError.
    """
    outcome, pool_id, class_and_type, lease, _start, _due, token, *attributes = session_checked(reply)
    pool_class, session_type = split_type(class_and_type)
    address, labels = split_attributes(*attributes or [""])
    placed = Placement(
        session_id=session_id,
        session_type=session_type,
        pool_id=pool_id,
        pool_class=pool_class,
        address=address,
        token=token or None,
        lease_seconds=int(lease) / MICROSECONDS,
        replayed=outcome == "REPLAYED",
    )
    is_labelled = attributes and isinstance(attributes[0], list)
    return LabelledPlacement(**asdict(placed), labels=labels_of(labels)) if is_labelled else placed


def reported(session_id: str, reply: Reply) -> Reported:
    """Parse the reply of `report`. SessionEndedError, OverCapacityError, ReportedPoolUnknownError."""
    outcome, pool_id, class_and_type, lease, _start, _due, comparison, *attributes = session_checked(reply)
    pool_class, session_type = split_type(class_and_type)
    address, chosen = split_attributes(*attributes or [""])
    here, choice = _compared(chosen, *comparison) if comparison else (None, None)
    return Reported(
        session_id=session_id,
        session_type=session_type,
        pool_id=pool_id,
        pool_class=pool_class,
        address=address,
        outcome=outcome.lower(),
        lease_seconds=int(lease) / MICROSECONDS,
        marginal_utility=here,
        jlmu_choice=choice,
    )


def _compared(
    address: str, here: int, pool_id: str, pool_class: str, there: int, exponent: int
) -> tuple[float, Choice]:
    """Marginal utility at the reported place, and JLMU's choice, in the unit of the fleet file."""
    unit = 10.0 ** int(exponent)
    gain = int(there) / unit
    choice = Choice(pool_id=pool_id, pool_class=pool_class, address=address or None, marginal_utility=gain)
    return int(here) / unit, choice


def completion(session_id: str, reply: Reply) -> Completed | AlreadyEnded:
    """Parse the reply of `complete`. UnknownSessionError."""
    outcome, *payload = session_checked(reply, "ENDED")
    if outcome == "COMPLETED":
        pool_id, *address = payload
        return Completed(session_id=session_id, pool_id=pool_id, address=address[0] if address else None)
    reason, pool_id, *address = payload
    return AlreadyEnded(session_id=session_id, pool_id=pool_id, address=address[0] if address else None, reason=reason)


def renewal(session_id: str, reply: Reply) -> Renewal:
    """Parse the reply of `renew` for one session. SessionEndedError, UnknownSessionError."""
    if reply[0] == "EXPIRED":  # without pool and reason
        raise errors.SessionEndedError("The session has ended. A new session needs a new `session_id`.")
    session_checked(reply)
    return Renewal(session_id=session_id)


OperationResult = Placement | Completed | AlreadyEnded | Renewal | Reported

OPERATION_PARSERS: Mapping[str, Callable[[str, Reply], OperationResult]] = {
    "assign": placement,
    "complete": completion,
    "renew": renewal,
    "report": reported,
}


def operation_result(kind: str, session_id: str, outcome: Reply | Exception) -> OperationResult | Exception:
    """Parse the outcome of an operation in a batch; errors are values."""
    if isinstance(outcome, Exception):
        return outcome
    try:
        return OPERATION_PARSERS[kind](session_id, outcome)
    except errors.DispatchError as error:
        return error


def renewed(session_ids: Sequence[str], replies: Sequence[Reply]) -> Renewed:
    """Parse the replies of `renew`, one per session."""
    groups = group_by_outcome(session_ids, replies)
    if groups["RECOVERING"]:
        raise errors.RecoveringError
    return Renewed(renewed=groups["RENEWED"], expired=groups["EXPIRED"], unknown=groups["UNKNOWN"])


def session(session_id: str, reply: Reply) -> Session:
    """Parse the reply of `session`. UnknownSessionError, SessionEndedError."""
    _, pool_id, class_and_type, age, left, level, token, here, exponent, address, labels = session_checked(reply)
    pool_class, session_type = split_type(class_and_type)
    return Session(
        session_id=session_id,
        session_type=session_type,
        pool_id=pool_id,
        pool_class=pool_class,
        address=address or None,
        labels=labels_of(labels),
        token=token or None,
        level=int(level) if level else None,
        marginal_utility=None if here == "" else int(here) / 10.0 ** int(exponent),
        age_seconds=int(age) / MICROSECONDS,
        lease_seconds_left=max(0, int(left)) / MICROSECONDS if left else None,
    )


def group_by_outcome(session_ids: Sequence[str], replies: Sequence[Reply]) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = defaultdict(list)
    for session_id, reply in zip(session_ids, replies, strict=True):
        ids[reply[0]].append(session_id)
    return ids


PAGE_WORDS = 8
"""Words of one pool in the reply of `pool_page`."""


def pool(reply: Reply) -> Pool:
    """Parse the reply of `pool`, or of a function that changes a pool."""
    _, pool_id, pool_class, status, occupancy, address, labels, liveness, drain = reply
    return Pool(
        pool_id=pool_id,
        pool_class=pool_class,
        status=status,
        liveness=liveness,
        occupancy=int(occupancy),
        address=address or None,
        labels=labels_of(labels),
        drain=_drain(drain),
    )


def _drain(text: str) -> Drain | None:
    """The deadline as `lua/pools/pools.lua` writes it."""
    micros, _, then = text.partition(" ")
    return (
        Drain(deadline_seconds=int(micros) / MICROSECONDS, then="fail" if then == "fail" else "list") if then else None
    )


def pool_page(reply: Reply) -> PoolPage:
    """Parse the reply of `pool_page`: `PAGE_WORDS` per pool."""
    _, cursor, *flat = reply
    pools = [pool(["POOL", *flat[at : at + PAGE_WORDS]]) for at in range(0, len(flat), PAGE_WORDS)]
    return PoolPage(pools=pools, next_cursor=str(cursor) if cursor != "" else None)


def pools_added(pool_ids: Sequence[str], reply: Reply) -> PoolsAdded:
    """Parse the reply of `add_pools` for pools with these ids."""
    _, count, *ids = reply
    listed = set(ids)
    return PoolsAdded(
        created=ids[: int(count)],
        changed=ids[int(count) :],
        unchanged=[pool_id for pool_id in pool_ids if pool_id not in listed],
    )


def pools_changed(reply: Reply) -> PoolsChanged:
    """Parse the reply of `set_statuses`."""
    _, count, *ids = reply
    return PoolsChanged(changed=ids[: int(count)], unchanged=ids[int(count) :])


def reconciliation(ended: list[str], unknown: Sequence[str], replies: Sequence[Reply]) -> Reconciliation:
    """Result from the `ended` sessions, and the replies of `adopt`, one per unknown session."""
    groups = group_by_outcome(unknown, replies)
    return Reconciliation(
        ended=ended,
        adopted=groups["ADOPTED"],
        over_capacity=groups["OVER_CAPACITY"],
        incompatible=groups["INCOMPATIBLE"],
        already_ended=groups["ENDED"],
        elsewhere=groups["ELSEWHERE"],
    )


BEGUN, FAULT = "n", "?"
"""Letters of a heartbeat that began the lease of its pool, and of one that met an error."""
OUTCOMES: Mapping[str, HeartbeatOutcome] = {
    "o": "ok",
    BEGUN: "ok",
    "b": "lost_before",
    "u": "unknown_pool",
    "d": "unreadable",
    "f": "failed",
}
"""Outcomes of heartbeats by their letters in the reply of `beat`."""
SAMPLES: Mapping[str, str] = {"t": "taken", "r": "repeated", "m": "moved", "u": "unused", "x": "refused"}
"""What became of qualities by their letters in the reply of `beat`, see `lua/pools/quality.lua`."""
EARLIEST, LATEST = 1 / 4, 1 / 3
"""When the next heartbeat is to be sent, as parts of the lease; drawn, so that those of many pools do not coincide."""


def beats(heartbeats: Sequence[Heartbeat], outcomes: Sequence[Reply], draw: Callable[[], float]) -> Beats:
    """Result of the outcomes of heartbeats in one call; `draw` returns numbers uniform in [0, 1).

    OutcomeUnknownError if one met an error.
    """
    letters, lists, instants, _ = zip(*outcomes, strict=True)
    if FAULT in letters:
        raise OutcomeUnknownError
    pools = [
        PoolBeat(pool_id, OUTCOMES[letter], _next(int(ttl), draw()), wanted == "1")
        for (pool_id, ttl, *_), letter, wanted in zip(heartbeats, letters, lists, strict=True)
    ]
    return Beats(as_of=instants[0], pools=pools)


def _next(ttl: int, draw: float) -> float:
    return round(ttl * (EARLIEST + draw * (LATEST - EARLIEST)), 3)
