"""Placement of one session: retries within a deadline and a budget, and fleets in order, never two at a time.

What slta does not place for want of an answer is placed by the fallback, if there is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

from slta_client import metrics
from slta_client.calls import Send
from slta_client.endpoints import DEFAULT_TYPE
from slta_client.engine import Engine
from slta_client.lanes import NAME
from slta_client.replies import INVALID, Reply, failed
from slta_client.rules import delay_seconds, is_away, rule_of
from slta_client.session import NoCapacityError, PlacementError, Session, UnavailableError, Wanted

CAPACITY_SECONDS = 1.0
"""Between two questions for capacity, if slta names no time."""
QUEUE_SECONDS = 5.0
"""Longest placement, with its time in the client's own queue, unless `timeout` is longer."""
UNKNOWN_LEASE_SECONDS = 3600.0
"""How long the end of a session is repeated whose lease nobody told us."""


@dataclass
class Limits:
    """When a placement is over: its attempts, which the time in the queue puts off; and all together."""

    attempts_end_at: float
    give_up_at: float


class Final(NamedTuple):
    """Last reply to a call and its retries.

    `in_doubt`: an attempt without a definite reply may have been applied. `is_sent`: False if the circuit breaker kept
    the call back, and the reply is an earlier one.
    """

    reply: Reply
    in_doubt: bool
    sent_at: float
    is_sent: bool = True


class Refused(NamedTuple):
    """A fleet's refusal. `may_go_on`: nothing was placed here, so the next fleet may be asked."""

    error: PlacementError
    may_go_on: bool
    reply: Reply


async def place(engine: Engine, wanted: Wanted) -> Session:
    """Place a session, or raise a PlacementError. Without capacity, ask again until `wait_seconds` are over."""
    give_up_at = engine.clock() + wanted.wait_seconds
    while True:
        engine.leases.check_open()
        result = await _in_order(engine, wanted)
        if isinstance(result, Session):
            return result
        left = give_up_at - engine.clock()
        if not isinstance(result.error, NoCapacityError) or left <= 0:
            raise result.error
        delay = (result.reply.retry_after or CAPACITY_SECONDS) * engine.rng.uniform(1.0, 1.25)
        await engine.pause(min(delay, left))


async def _in_order(engine: Engine, wanted: Wanted) -> Session | Refused:
    """Ask the fleets in order, each only after the definite refusal of the one before; then those that did not answer.

    With a fallback they share `timeout`. If the session may be in one of them, only that one may have it.
    """
    away: list[str] = []
    now = engine.clock()
    limits = Limits(now + engine.timeout if engine.fallback.is_on else inf, now + max(QUEUE_SECONDS, engine.timeout))
    for fleet in wanted.fleets:
        result = await _in_fleet(engine, wanted, fleet, limits)
        if isinstance(result, Session):
            return result
        if not result.may_go_on:
            away.clear()
        if is_away(result.reply):
            away.append(fleet)
        if not result.may_go_on or engine.clock() >= min(limits.attempts_end_at, limits.give_up_at):
            break
    return _fall_back(engine, wanted, away) or result


def _fall_back(engine: Engine, wanted: Wanted, fleets: Sequence[str]) -> Session | None:
    """Place the session by the fallback in one of these fleets; slta is told as soon as it answers."""
    kind = wanted.session_type or DEFAULT_TYPE
    choice = engine.fallback.choose(fleets, engine.leases.live_in, kind)
    if choice is None or not NAME.fullmatch(wanted.session_id):
        return None
    fleet, pool = choice
    session = Session(
        id=wanted.session_id,
        fleet=fleet,
        pool_id=pool.pool_id,
        pool_class=pool.pool_class,
        address=pool.address,
        lease_seconds=wanted.lease_seconds or 0.0,
        replayed=False,
        placed_by="fallback",
        on_lost=wanted.on_lost,
        wanted_lease=wanted.lease_seconds,
        session_type=kind,
    )
    session.lease_ends_at = engine.clock() + session.lease_seconds
    engine.leases.begin_unreported(session)
    metrics.count("placements", "fallback")
    return session


async def _in_fleet(engine: Engine, wanted: Wanted, fleet: str, limits: Limits) -> Session | Refused:
    """Assign in one fleet. Whatever may have been placed and is not returned is ended: now, or later by its queue."""
    session_id, is_open = wanted.session_id, True
    was_open = engine.leases.withdraw(fleet, session_id)
    try:
        final = await _assign(engine, wanted, fleet, limits)
        if final.reply.ok:
            session = _session(final, wanted, fleet)
            engine.leases.begin(session)
            metrics.count("placements", session.placed_by)
            is_open = False
            return session
        is_open = final.in_doubt or was_open
        rule = rule_of(final.reply)
        is_definite = rule.next_fleet or not final.is_sent
        may_fall_back = rule.away and engine.fallback.can_place([fleet], wanted.session_type)
        if is_open and is_definite and not may_fall_back:
            is_open = not (await _is_ended(engine, fleet, session_id, limits.give_up_at))
        error = _error(final.reply, wanted, fleet)
        if is_open and is_definite:
            error = UnavailableError("outcome_unknown", error.args[0], fleet=fleet, session_id=session_id)
        return Refused(error, is_definite and not is_open, final.reply)
    finally:
        if is_open:
            engine.leases.abandon(fleet, session_id, engine.clock() + (wanted.lease_seconds or UNKNOWN_LEASE_SECONDS))


async def _assign(engine: Engine, wanted: Wanted, fleet: str, limits: Limits) -> Final:
    """Assign; if the circuit breaker is open and the fallback can place instead, the last failure without a call."""
    breaker, reply = engine.breaker, None
    admission = breaker.admit(engine.clock())
    if admission is None and engine.fallback.can_place(wanted.fleets, wanted.session_type):
        return Final(breaker.last, in_doubt=False, sent_at=engine.clock(), is_sent=False)
    try:
        final = await _repeat(engine, fleet, "assign", _assign_body(wanted), limits)
        reply = final.reply
        return final
    finally:
        breaker.settle(admission, reply, engine.clock())


async def _is_ended(engine: Engine, fleet: str, session_id: str, give_up_at: float) -> bool:
    """Complete an id whose assign is in doubt; from then on a late assign of it is refused."""
    final = await _repeat(engine, fleet, "complete", {"session_id": session_id}, Limits(inf, give_up_at))
    return final.reply.ok or final.reply.code == "unknown_session"


async def _repeat(engine: Engine, fleet: str, call: str, body: Mapping[str, Any], limits: Limits) -> Final:
    """Send until a reply is final, or `timeout` without the time in the queue, the limits or the budget are used up."""
    deadline = min(engine.clock() + engine.timeout, limits.attempts_end_at, limits.give_up_at)
    engine.breaker.earn()
    retry, in_doubt = 0, False
    while True:
        sent_at = engine.clock()
        patience = limits.give_up_at - sent_at
        reply = await engine.send(Send(fleet, call, body, deadline - sent_at, patience=patience))
        sent_at += reply.waited
        limits.attempts_end_at += reply.waited
        deadline = min(deadline + reply.waited, limits.give_up_at)
        reply = _checked(reply, call)
        metrics.count("calls", call, reply.code or "ok")
        if reply.ok:
            return Final(reply, in_doubt, sent_at)
        rule = rule_of(reply)
        in_doubt = in_doubt or rule.in_doubt
        delay = delay_seconds(reply, retry, engine.rng)
        if not rule.retry or engine.clock() + delay >= deadline or not (reply.reused or engine.breaker.spend()):
            return Final(reply, in_doubt, sent_at)
        metrics.count("retries", reply.code)
        retry += not reply.reused
        if delay:
            await engine.pause(delay)


def _checked(reply: Reply, call: str) -> Reply:
    """A success of assign must name a pool and its lease, if it has one."""
    is_placement = call == "assign" and reply.ok
    is_valid = reply.text("pool_id") and reply.seconds("lease_seconds") is not None
    return failed(INVALID) if is_placement and not is_valid else reply


def _assign_body(wanted: Wanted) -> Mapping[str, Any]:
    """`touch`: a repeated assign begins the lease again, so it lasts at least from then on."""
    options = {"session_type": wanted.session_type, "priority": wanted.priority, "lease_seconds": wanted.lease_seconds}
    given = {name: value for name, value in options.items() if value is not None}
    return {"session_id": wanted.session_id, "touch": True, **given}


def _session(final: Final, wanted: Wanted, fleet: str) -> Session:
    reply = final.reply
    session = Session(
        id=wanted.session_id,
        fleet=fleet,
        pool_id=reply.text("pool_id") or "",
        pool_class=reply.text("pool_class") or "",
        address=reply.text("address"),
        lease_seconds=reply.seconds("lease_seconds") or 0.0,
        replayed=reply.body.get("replayed") is True,
        on_lost=wanted.on_lost,
        session_type=reply.text("session_type") or DEFAULT_TYPE,
    )
    session.leased(final.sent_at)
    return session


def _error(reply: Reply, wanted: Wanted, fleet: str) -> PlacementError:
    detail, reason = reply.text("detail") or "", reply.text("reason")
    error = rule_of(reply).error
    return error(reply.code, detail, fleet=fleet, session_id=wanted.session_id, reason=reason)
