"""Loop of leases: one call after the other, renewals, completes and reports as they fall due, until the client closes.

With a fallback it reads the endpoints of the fleets, too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from slta_client import metrics
from slta_client.fallback import Fallback
from slta_client.lanes import Lane
from slta_client.leases import Leases
from slta_client.replies import Reply, outcomes
from slta_client.rules import is_away
from slta_client.session import Session
from slta_client.steps import Lost, Send, Steps, Wait


def keep(
    leases: Leases, timeout: float, clock: Callable[[], float], rng: random.Random, fallback: Fallback | None = None
) -> Steps[None]:
    """Renew and complete until the leases are closed and nothing is left, or their time to close is over.

    Of readings that are due, at most one comes between two calls that are: each may take its deadline.
    """
    has_read = False
    while True:
        now = clock()
        lane = leases.next_lane()
        if now >= leases.close_at or (lane is None and leases.close_at < inf and not leases.placing):
            return
        ready_at = lane.ready_at() if lane is not None else inf
        read_at = fallback.due_at() if fallback is not None and leases.close_at == inf else inf
        if fallback is not None and read_at <= now and not (has_read and ready_at <= now):
            yield from fallback.copies.read(leases.unreported, clock)
            has_read = True
        elif lane is None or ready_at > now:
            yield Wait(min(ready_at, read_at, leases.close_at) - now)
        else:
            has_read = False
            found = yield from _call(lane, min(timeout, leases.close_at - now), clock, rng)
            if fallback is not None and not all(map(is_away, found)):
                fallback.breaker.heard(clock())


def _call(lane: Lane[Any], longest: float, clock: Callable[[], float], rng: random.Random) -> Steps[list[Reply]]:
    """Send what one call may hold, apply its outcomes, and return them."""
    sent_at = clock()
    items = lane.take(sent_at)
    if not items:
        return []
    body = {"operations": [lane.operation(item) for item in items]}
    reply = yield Send(lane.fleet, "operations", body, lane.deadline_seconds(items, longest, sent_at))
    metrics.count("calls", "operations", reply.code or "ok")
    worst, found = None, outcomes(reply, len(items))
    for item, outcome in zip(items, found, strict=True):
        if not lane.settle(item, outcome, sent_at) and (worst is None or outcome.retry_after > worst.retry_after):
            worst = outcome
    lane.back_off(worst, clock(), rng)
    lost = lane.lost(items)
    if lost:
        yield from _tell(lost, longest)
    return found


def _tell(lost: Sequence[Session], longest: float) -> Steps[None]:
    """Ask why sessions ended, once, and tell their applications. A renewal does not say it, a complete does."""
    body = {"operations": [{"complete": {"session_id": session.id}} for session in lost]}
    reply = yield Send(lost[0].fleet, "operations", body, longest)
    metrics.count("calls", "operations", reply.code or "ok")
    for session, outcome in zip(lost, outcomes(reply, len(lost)), strict=True):
        session.lost = outcome.text("reason") or session.lost
        metrics.count("lost_sessions", session.lost or "")
        yield Lost(session)
