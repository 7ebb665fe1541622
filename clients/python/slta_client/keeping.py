"""Loop of leases: one call after the other, renewals, completes and reports as they fall due, until the client closes.

With a fallback it reads the endpoints of the fleets, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

from slta_client import metrics
from slta_client.calls import Send
from slta_client.engine import Engine
from slta_client.fallback import READ_SECONDS, Fallback
from slta_client.lanes import Lane
from slta_client.replies import Reply, outcomes
from slta_client.rules import is_away
from slta_client.session import Session


async def keep(engine: Engine) -> None:
    """Renew and complete until the leases are closed and nothing is left, or their time to close is over.

    Nothing is read while the breaker is open. Of readings that are due, at most one comes between two calls that are:
    each may take its deadline.
    """
    leases, has_read = engine.leases, False
    while True:
        now = engine.clock()
        lane = leases.next_lane()
        if now >= leases.close_at or (lane is None and leases.close_at < inf and not leases.placing):
            return
        ready_at = lane.ready_at() if lane is not None else inf
        read_at = max(engine.fallback.due_at(), engine.breaker.open_until) if leases.close_at == inf else inf
        if read_at <= now and not (has_read and ready_at <= now):
            await _read(engine, engine.fallback)
            has_read = True
        elif lane is None or ready_at > now:
            await engine.until_changed(min(ready_at, read_at, leases.close_at) - now)
        else:
            has_read = False
            found = await _call(engine, lane, min(engine.timeout, leases.close_at - now))
            if not all(map(is_away, found)):
                engine.breaker.heard(engine.clock())


async def _read(engine: Engine, fallback: Fallback) -> None:
    """Read the endpoints that are due first."""
    fleet, etag = fallback.next_reading()
    reply = await engine.send(Send(fleet, "endpoints", None, READ_SECONDS, etag))
    if fallback.take(fleet, reply, engine.clock(), engine.leases.unreported()) and fallback.file is not None:
        await engine.save(fallback.file, list(fallback.known.values()))


async def _call(engine: Engine, lane: Lane[Any], longest: float) -> list[Reply]:
    """Send what one call may hold, apply its outcomes, and return them."""
    sent_at = engine.clock()
    items = lane.take(sent_at)
    if not items:
        return []
    seconds = lane.deadline_seconds(items, longest, sent_at)
    found = await _operate(engine, lane.fleet, [lane.operation(item) for item in items], seconds)
    worst = None
    for item, outcome in zip(items, found, strict=True):
        is_over = not lane.is_live(item) or lane.settle(item, outcome, sent_at)
        if not is_over and (worst is None or outcome.retry_after > worst.retry_after):
            worst = outcome
    lane.back_off(worst, engine.clock(), engine.rng)
    lost, lane.lost = lane.lost, []
    if lost:
        await _tell(engine, lost, longest)
    return found


async def _tell(engine: Engine, lost: Sequence[Session], longest: float) -> None:
    """Ask why sessions ended, once, and tell their applications. A renewal does not say it, a complete does."""
    completes = [{"complete": {"session_id": session.id}} for session in lost]
    found = await _operate(engine, lost[0].fleet, completes, longest)
    for session, outcome in zip(lost, found, strict=True):
        session.lost = outcome.text("reason") or session.lost
        metrics.count("lost_sessions", session.lost or "")
        session.tell()


async def _operate(engine: Engine, fleet: str, operations: Sequence[Any], seconds: float) -> list[Reply]:
    """The outcomes of a bulk call."""
    reply = await engine.send(Send(fleet, "operations", {"operations": operations}, seconds))
    metrics.count("calls", "operations", reply.code or "ok")
    return outcomes(reply, len(operations))
