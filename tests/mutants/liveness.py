"""Planted mistakes in leases of pools: heartbeats, expiry, the mass-loss guard, and placement while it is on."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import lua, python

STORE, GUARDS, DAMAGE, API = "store/liveness", "store/guards", "store/lease_damage", "api/validation"

MUTANTS: dict[str, Mutant] = {
    "the end of a guard names no pools as an object": lua(
        "events", "event.pool_ids = ids[1] and ids", "event.pool_ids = ids", GUARDS
    ),
    "a pool is lost when its lease runs out": lua("liveness", "liveness.GRACE = 1.25", "liveness.GRACE = 1", STORE),
    "a lost pool stays in service": lua(
        "expiry", "  liveness.serve(fleet, serving, 'draining')\n", "  local _ = serving\n", STORE
    ),
    "a heartbeat leaves a lost pool out of service": lua(
        "heartbeats", "lease.out and pool.recorded == 'draining', false", "false, false", STORE
    ),
    "a heartbeat revives a failed pool": lua("heartbeats", "pool.recorded == 'failed'", "false", STORE),
    "an outage loses pools": lua("accounting", "accounting.HOLD, time\n", "accounting.HOLD, 0\n", STORE),
    "leases of pools are held for a minute": lua(
        "accounting", "accounting.HOLD, time\n", "accounting.HOLD, time + accounting.HOLD\n", STORE
    ),
    "a new incarnation holds no lease of a pool": lua(
        "incarnations", "  fleet.resumed_at = fleet.time -- heartbeats may be lost\n", "", STORE
    ),
    "a loss renews the copy of names": lua(
        "ledger",
        "  ledger.rebuild(fleet, reset)\nend\n",
        "  ledger.rebuild(fleet, reset)\n  ledger.rename(fleet)\nend\n",
        STORE,
    ),
    "a lost pool is gone at once": lua("liveness", "fleet.time + fleet.gone", "fleet.time", STORE),
    "sessions of a gone pool stay": lua(
        "expiry", "sessions.finish_some(fleet, pool.pool_number, count, 'pool_gone')", "0", STORE
    ),
    "a gone pool is never forgotten": lua("expiry", "  elseif fleet.forget > 0 then\n", "  elseif false then\n", STORE),
    "an undrained lost pool is in service": lua(
        "leased_pools", "return lease.out and 'draining' or status", "return status", STORE
    ),
    "a failed pool that is undrained keeps its old lease": lua(
        "leased_pools", "  if pool.status == 'failed' then\n", "  if false then\n", STORE
    ),
    "a removed pool leaves its lease": lua(
        "leased_pools", "redis.call('HDEL', keys.of_fleet(fleet, 'pool_leases'), pool.pool_id)", "local _", STORE
    ),
    "a forgotten pool comes back in service": lua("leased_pools", "return is_known and", "return false and", STORE),
    "one difference of the counts wants a list": lua(
        "heartbeats", "differs and lease.mismatch or", "differs or", STORE
    ),
    "a list is never wanted by time": lua("heartbeats", "LIST_PERIOD = 540e6", "LIST_PERIOD = 54000e6", STORE),
    "each heartbeat writes the state": lua("library", "changed or fleet.resumed_at == fleet.time", "true", STORE),
    "a tick just after another overlooks a lease of a pool": lua(
        "ticks", " and not liveness.is_late(fleet)", "", STORE
    ),
    "heartbeats come at the same time": python(
        "store/pool_replies", "draw * (LATEST - EARLIEST)", "0 * (LATEST - EARLIEST)", STORE
    ),
    "a third of a class is a mass loss": lua(
        "guards", "losing * SHARE <= known.a", "losing * SHARE < 0 * known.a", GUARDS
    ),
    "two pools are a mass loss": lua("guards", "local LEAST = 3", "local LEAST = 2", GUARDS),
    "pools lost long before count": lua("guards", "  if old > 0 then\n", "  if false then\n", GUARDS),
    "pools lost before the guard stay lost": lua(
        "guards", "known.guard == ON and bring_back(fleet, class_index)", "known.guard == ON and false", GUARDS
    ),
    "a pool becomes gone while the guard is on": lua(
        "expiry", "letter == 'l' and guards.is_on(fleet, pool.class_index)", "false", GUARDS
    ),
    "a quarter of the pools ends the guard": lua(
        "guards", "known.seen * 2 >= known.first", "known.seen * 4 >= known.first", GUARDS
    ),
    "silent pools are lost with the end of the guard": lua("guards", "local LEASES = 2", "local LEASES = 0", GUARDS),
    "pools that an operator fails stay in the count": lua(
        "guards", "    known.first = known.first - 1\n", "    known.first = known.first - 0\n", GUARDS
    ),
    "a drained unconfirmed pool is not counted": lua(
        "liveness", "(status == 'active' or letter == 'u') and", "status == 'active' and", GUARDS
    ),
    "a drained unconfirmed pool takes the place of another": lua(
        "confirmed", "redis.call('BITOP', 'OR', key, key, row)", "redis.call('BITOP', 'OR', key, mask, row)", GUARDS
    ),
    "a failed pool returns alive while the guard is on": lua(
        "leased_pools", "if guards.is_on(fleet, pool.class_index) then", "if false then", GUARDS
    ),
    "a repair makes unconfirmed pools alive": lua(
        "repair_leases", "lease.letter == 'u' and pool.recorded ~= 'failed'", "false", DAMAGE
    ),
    "an ended guard keeps its pools": lua(
        "guards", "conclude(fleet, class_index, known, fleet.time)", "known.guard = OVER", GUARDS
    ),
    "a guard ends in all classes": lua("guards", "(not chosen or chosen == class_index) and", "true and", GUARDS),
    "unconfirmed pools are placed on as others": lua("placements", "fleet.unconfirmed == 0", "true", GUARDS),
    "a fleet of unconfirmed pools refuses": lua(
        "confirmed", "fleet.view.room)) > 0 and fleet.view or fleet", "fleet.view.room)) and fleet.view", GUARDS
    ),
    "a view keeps the counts of its first decision": lua(
        "confirmed", "    fleet.view.stale[class_index] = true\n", "    local _ = class_index\n", GUARDS
    ),
    "the repair leaves the numbers of leases": lua(
        "repair_pools", "    repair_leases.begin_count(fleet)\n", "", DAMAGE
    ),
    "the repair leaves timers": lua("repair_leases", "      liveness.set_timers(fleet, { pool })\n", "", DAMAGE),
    "the audit overlooks timers": lua(
        "audit_leases", "expect('it has a timer', has_timer,", "expect('it has a timer', lease.letter ~= 'u',", DAMAGE
    ),
    "plain heartbeats may name a pool twice": python("api/plain_heartbeats", " or len(set(ids)) < len(ids)", "", API),
    "plain heartbeats may have a lease of a second": python("api/plain_heartbeats", '"[2-9]|', '"[1-9]|', API),
}
