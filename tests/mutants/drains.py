"""Planted mistakes in deadlines of drains."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import lua, python

STORE, MISFITS, DECISIONS = "store/drains", "api/validation", "store/decisions"

MUTANTS: dict[str, Mutant] = {
    "no tick carries a deadline out": lua("ticks", "sessions.reap, drains.carry_out,", "sessions.reap,", STORE),
    "an empty pool fails at its deadline": lua(
        "drains", "pool.word == 'fail' and pool.occupancy > 0", "pool.word == 'fail'", STORE
    ),
    "a deadline is carried out at each tick": lua("drains", "'-' .. pool.deadline", "pool.deadline", STORE),
    "a deadline counts the store's time": lua("drains", "fleet.time + tonumber(duration)", "fleet.clock", STORE),
    "an undrained pool fails at its deadline": lua(
        "statuses", "  drains.set(fleet, pool_id, status, drain)\n", "", STORE
    ),
    "pools returned together keep their deadlines": lua(
        "statuses", "    drains.set(fleet, pool.pool_id, status, drain)\n", "", STORE
    ),
    "a pool that drains takes no deadline with others": lua(
        "statuses", "drain == '' and not pool.deadline", "true", STORE
    ),
    "a removed pool leaves its deadline": lua("pools", "    drains.clear(fleet, pool.pool_id)\n", "", STORE),
    "a repeated drain leaves the other deadline": lua(
        "drains", " .. ' list', pool_id .. ' fail')", " .. ' list')", STORE
    ),
    "a deadline fails a pool that another version returned": lua(
        "drains", "if status == 'draining' or status == 'failed' and word == 'fail' then", "if status then", STORE
    ),
    "a deadline ends all sessions in one call": lua("drains", "MAX_ENDED = 128", "MAX_ENDED = 4096", STORE),
    "what is left of a failed pool waits for the next tick": lua("ticks", " or fleet.drains_remain", "", STORE),
    "sessions on a failed pool stay": lua("drains", "left = left - end_sessions(fleet, pool, left)", "", STORE),
    "sessions that a deadline ends are not counted": lua(
        "sessions", "    sessions.finish(fleet, id, session, reason)\n", "", STORE
    ),
    "a pool that fails at its deadline is counted as draining": lua(
        "drains", "statuses.write(fleet, pool, 'failed')", "statuses.write(fleet, pool, pool.status)", STORE
    ),
    "no event says that a drain ended": lua("drains", "    record(fleet, ended)\n", "", STORE),
    "a changed deadline is no event": lua("events", ", 'drain_until', 'drain_then' }", " }", STORE),
    "a deadline of an active pool is not noticed": lua(
        "audit_drains", "if status ~= 'draining' and not", "if false and not", STORE
    ),
    "a repair drops all deadlines": lua(
        "repair_drains", "if audit_drains.fault(fleet, member, score) then", "if true then", STORE
    ),
    "a deadline may be without an end": python("api/routes/pools", "if then and within is None:", "if False:", MISFITS),
    "a return may have a deadline": python(
        "api/pool_schemas", 'if self.within is not None and self.status != "draining":', "if False:", MISFITS
    ),
}
