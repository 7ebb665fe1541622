"""Reply parsers of pools."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from slta.models import MICROSECONDS, Drain, Pool, PoolPage, PoolsAdded, PoolsChanged, Reconciliation
from slta.models.errors import OutcomeUnknownError
from slta.models.heartbeats import Beats, Heartbeat, HeartbeatOutcome, PoolBeat
from slta.store._outcomes import Reply
from slta.store._replies import group_by_outcome, labels_of

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
