"""What replies say about pools: each function applies one, and returns False if slta refused the call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slta_client.replies import Reply
from slta_integrations.agent.config import MARK
from slta_integrations.agent.metrics import OUTCOMES, Metrics
from slta_integrations.agent.pool import ABSENT, ACTIVE, DRAINING, FAILED, UNKNOWN, Pool
from slta_integrations.notices import Notices

LISTED = ("ended", "adopted", "over_capacity", "incompatible", "already_ended", "elsewhere")
"""Members of the reply to a list."""
STATUSES = (ACTIVE, DRAINING, FAILED)
"""Not a set: a reply may have anything there, also what has no hash."""


def heartbeats(pools: Sequence[Pool], reply: Reply, metrics: Metrics, notices: Notices, now: float) -> float | None:
    """Apply the outcomes; seconds until the next heartbeats, None if the reply has no such number."""
    rows, as_of = reply.body.get("pools"), reply.body.get("as_of")
    found = {str(row.get("pool_id")): row for row in (rows if isinstance(rows, list) else ()) if isinstance(row, dict)}
    for pool in pools:
        row = found.get(pool.id, {})
        outcome = row.get("outcome")
        metrics.heartbeats.labels(outcome if outcome in OUTCOMES else "malformed").inc()
        pool.has_lease = True
        _apply(pool, outcome, notices)
        if row.get("list") is True and isinstance(as_of, str):
            pool.ask(as_of, now)
    return min(filter(None, (_seconds(row.get("next_seconds")) for row in found.values())), default=None)


def _apply(pool: Pool, outcome: object, notices: Notices) -> None:
    kind = f"outcome {pool.id}"
    match outcome:
        case "ok":
            notices.over(kind, f"The pool {pool.id} is in service again.")
            if pool.status == FAILED:
                pool.read_again()
        case "lost_before":
            notices.say(kind, f"slta had lost the pool {pool.id}: no heartbeat had come within its lease")
        case "failed":
            pool.status = FAILED
            notices.say(kind, f"The pool {pool.id} was marked as failed: it gets no sessions before `undrain`")
        case "unknown_pool":
            notices.say(kind, f"slta does not have the pool {pool.id}")
            pool.gone()


def _seconds(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None


def _read(pools: Sequence[Pool], reply: Reply, _: Metrics) -> bool:
    [pool] = pools
    if reply.code == "unknown_pool":
        pool.gone()
        return True
    status, labels = reply.body.get("status"), reply.body.get("labels")
    if not reply.ok or status not in STATUSES or not isinstance(labels, dict):
        return False
    pool.status, pool.marked = status, MARK in labels
    return True


def _register(pools: Sequence[Pool], reply: Reply, _: Metrics) -> bool:
    for pool in pools if reply.ok else ():
        pool.registered = pool.beats = True
        if pool.status == ABSENT:
            pool.status = ACTIVE
    return reply.ok


def _change(pools: Sequence[Pool], reply: Reply, _: Metrics) -> bool:
    [pool] = pools
    if reply.code == "unknown_pool":
        pool.gone()
        return True
    before, status = pool.status, reply.body.get("status")
    if reply.ok:
        pool.status = status if status in STATUSES else UNKNOWN
    return reply.ok and pool.status not in (UNKNOWN, before)


def _sessions(pools: Sequence[Pool], reply: Reply, metrics: Metrics) -> bool:
    """A refused list is given up: slta asks again."""
    [pool] = pools
    pool.listed = pool.asked_as_of = None
    if reply.code == "unknown_pool":
        pool.gone()
        return True
    for name in LISTED if reply.ok else ():
        ids = reply.body.get(name)
        metrics.listed_sessions.labels(name).inc(len(ids) if isinstance(ids, list) else 0)
    return reply.ok


def _remove(pools: Sequence[Pool], reply: Reply, _: Metrics) -> bool:
    [pool] = pools
    is_gone = reply.ok or reply.code == "unknown_pool"
    if is_gone:
        pool.gone()
    return is_gone


SETTLE: Mapping[str, Callable[[Sequence[Pool], Reply, Metrics], Any]] = {
    "read": _read,
    "register": _register,
    "drain": _change,
    "undrain": _change,
    "sessions": _sessions,
    "remove": _remove,
}
"""By kind of call."""
