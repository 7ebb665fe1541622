"""Planted mistakes in the store and its Lua library that once were defects: replays, failovers, races, repairs."""

from __future__ import annotations

from tests.mutants.planting import Mutant, row

MUTANTS: dict[str, Mutant] = {
    "a reply of a master that gave the slot away is believed": row(
        "_client/pipeline.py",
        "exchange",
        "connections.routing.where(key) != pool.address",
        "False",
        "store/cluster/masters",
    ),
    "leases end after an outage": row(
        "lua/sessions/leases.lua", "leases.are_due", "fleet.time >= fleet.hold_until and ", ""
    ),
    "integrals are sums of floats": row(
        "lua/ledger/accounting.lua", "accounting.add", "low + ((high - (sum - part)) + (value - part))", "0"
    ),
    "pools drained together stay in the rows above their first level": row(
        "lua/pools/pool_rows.lua", "write_columns", ", highest do", ", math.min(highest, 1) do"
    ),
    "a drain of a class changes its failed pools": row(
        "lua/pools/statuses.lua", "split", "or pool.status == 'failed' and given.pool_class ~= '' ", ""
    ),
    "a state that another one wrote is not read": row(
        "lua/state/cache.lua", "cache.unchanged", "fleet.written ~= text or ", ""
    ),
    "sessions that move are drawn": row("lua/pools/reports.lua", "reports.report", "session or late", "late"),
    "replicas beyond the configured number are not waited for": row(
        "_client/replicas.py", "needed", "max(self._configured, self._online)", "self._configured", "store/durability"
    ),
    "a replica that joined is waited for by the next call only": row(
        "_client/pipeline.py", "_send_confirmed", "needed <= confirmed < replicas.needed", "False", "store/durability"
    ),
    "a report that finds nothing to do confirms nothing": row(
        "pools.py", "reconcile", "not (missing or unknown)", "False", "store/durability"
    ),
    "the first call that is lost counts as present": row(
        "_client/rollback_detection.py", "fate", "last else", "last + 1 else"
    ),
    "what another fleet acknowledged is replayed": row("_client/rollback_detection.py", "fate", "other fleet", "lost"),
    "what was replayed is replayed again with the next failover": row(
        "_failover/replay_log.py", "forget", "if id(call) not in gone", "", "store/replay_log"
    ),
    "an ended session is replayed as a live one": row("_failover/facts.py", "fact_of", "outcome[0])", "None)"),
    "the fork is the revision that a later call finds": row(
        "lua/state/incarnations.lua", "record", "revision)", "revision + 5)"
    ),
    "a process takes the incarnation of another one for its own": row(
        "lua/state/incarnations.lua", "incarnations.begin_call", "or not string", "or false and not string"
    ),
    "a state that went back within one process is not noticed": row(
        "lua/state/incarnations.lua", "incarnations.begin_call", "and fleet.revision > highest[prefix] ", ""
    ),
    "a replayed placement revives an ended session": row(
        "lua/pools/reports.lua", "reports.locate", "not session and (sessions.ended(fleet, id))", "false"
    ),
    "of two facts of a pool the last replayed one wins": row(
        "lua/state/marks.lua", "marks.compare", "marked > given or marked == given and last >= revision", "false"
    ),
    "a refused call leaves a mark on its pools": row(
        "lua/pools/pool_events.lua",
        "pool_events.adding_pools",
        "reply[1] == 'CREATED' and given.pools or {}",
        "given.pools",
    ),
    "a lease undoes older facts of its pool": row(
        "lua/pools/replay_pools.lua", "replay_pools.run", "and not is_lease(fact) ", ""
    ),
    "a session that came back to its pool leaves it again": row(
        "lua/pools/replay.lua", "replay.placed", "session.pool_id == pool_id and session.start < start", "false"
    ),
    "a deadline ends sessions before they are replayed": row(
        "lua/pools/due_drains.lua", "due_drains.carry_out", "found[1] and incarnations.is_recovering(fleet)", "false"
    ),
    "a lost pool ends sessions before they are replayed": row(
        "lua/pools/expiry.lua", "expiry.run", "incarnations.is_recovering(fleet)", "false"
    ),
    "a replayed place yields to none": row(
        "lua/pools/replay.lua", "replay.placed", "~= pool_id and session.start < start then", "~= pool_id then"
    ),
    "a reply that cannot be read leaves its callers waiting": row(
        "_batching/batcher.py",
        "_send",
        "            self._deliver(batch, operations, reply, stamp)\n",
        "",
        "store/batching",
    ),
    "a fleet that is made anew within a second is taken for the one before": row(
        "lua/fleets/fleets.lua", "create", "max(math.floor(now / 1e6), (deleted[key] or 0) + 1", "floor(now / 1e6"
    ),
    "a repair undoes a PUT that came in between": row(
        "lua/integrity/repair_begin.lua", "open", "document ~= given.", "not "
    ),
    "a deleted fleet comes back as one that is damaged": row(
        "lua/integrity/repair.lua", "repair.block", "redis.call('EXISTS', key, prefix .. 'document') == 0", "false"
    ),
    "a fleet is repaired once more by who comes too late": row(
        "lua/integrity/repair_begin.lua",
        "repair_begin.run",
        "not given.requested and not repair.is_claimed(fleet)",
        "false",
    ),
    "a lease ends in any second whose set has the session": row(
        "lua/sessions/sessions.lua", "expire", "or session.due ~= fleet.next_due ", ""
    ),
    "sessions that are over come back": row(
        "lua/integrity/orphans.lua",
        "orphans.each_live",
        " and not aside.is_over(fleet, id)",
        "",
    ),
    "the room of a fleet is derived too small": row(
        "lua/policies/derived.lua", "derived.set", "* fleet.capacities[class_index]", "", "store/corruptions"
    ),
    "the sessions of a fleet are derived from its first class": row(
        "lua/ledger/ledger.lua", "sum_columns", "ipairs(columns)", "ipairs({ columns[1] })", "store/corruptions"
    ),
    "a lease may end in 30 years": row(
        "lua/integrity/session_records.lua", "normal_due", " and session.due <= latest", "", "store/corruptions"
    ),
    "a session may be of a type that may not use its class": row(
        "lua/integrity/session_records.lua",
        "normal_placed",
        " and session_types.may_use(fleet, type_index, class_index)",
        "",
        "store/types_put_back",
    ),
    "a session that has ended is put back": row(
        "lua/integrity/aside.lua", "place_of", " and not aside.is_over(fleet, id)", ""
    ),
    "a live session is put back as it was": row(
        "lua/integrity/aside.lua", "place_of", "not redis.pcall('HGET', key, id) and ", ""
    ),
    "an outage loses pools": row("lua/state/fleet_time.lua", "fleet_time.resume", "HOLD, time\n", "HOLD, 0\n"),
    "a pool becomes gone while the guard is on": row(
        "lua/pools/expiry.lua", "expiry.run", "present == 'lost' and guards.is_on(fleet, pool.class_index)", "false"
    ),
    "a failed pool returns alive while the guard is on": row(
        "lua/pools/statuses.lua", "change", "guards.is_on(fleet, pool.class_index)", "false"
    ),
    "a call that may have run is said not to have run": row(
        "_batching/pending.py",
        "was_tried",
        "failed.failure.ran",
        "False",
        "store/faults/outages",
        "store/faults/refusals",
    ),
    "memory that is full makes what may have run certain": row(
        "_batching/pending.py", "fail", "self.may_have_run", "False", "store/batching"
    ),
    "a change whose reply was lost is said not to have run": row(
        "_client/failures.py",
        "as_dispatch_error",
        "OutcomeUnknownError() if self.failure.ran else ",
        "",
        "store/faults/outages",
        "store/faults/refusals",
    ),
    "every failed call is sent a second time": row(
        "_client/functions.py",
        "_attempt",
        'if failed.failure.kind != "function_missing":\n                raise',
        "pass",
        "store/faults/outages",
        "store/faults/refusals",
    ),
    "a connection is kept that leads to a replica": row(
        "_client/connections.py", "failed", "kind in FAILOVER_KINDS", "False", "store/sentinel"
    ),
    "a connection that was in use while all were made anew is used again": row(
        "_client/connection_pool.py", "release", " and not connection.should_reconnect()", "", "store/sentinel"
    ),
    "a deleted fleet's name stays on the list when a reply was lost": row(
        "fleets.py", "delete", "            await self.unlist(fleet)\n", ""
    ),
    "a name that is listed again outlives its fleet": row(
        "fleets.py", "relist", "            await self.unlist(fleet)\n", ""
    ),
    "an audit compares counts of different moments": row(
        "lua/integrity/audit_types.lua", "begin_count", "tonumber(revision) == fleet.", ""
    ),
    "a refused call after a rollback hides the loss": row(
        "lua/state/incarnations.lua",
        "",
        "extend_recovery(fleet)\n  end\nend\n",
        "extend_recovery(fleet)\n  end\n  current[prefix], highest[prefix] = fleet.incarnation, fleet.revision\nend\n",
    ),
    "a repair numbers types anew": row("lua/integrity/repair_types.lua", "repair_types.recall", "unused + ", ""),
    "a node that was cut off is believed": row(
        "_client/topology.py", "merge", "known.epoch > found[node_id].epoch", "False"
    ),
    "an older view takes back what MOVED said": row("_client/topology.py", "merge", "moved[1] >= asked", "False"),
    "a clock that is back by half a second holds all leases": row(
        "lua/ledger/accounting.lua", "accounting.advance", "elapsed < 0 and elapsed > -fleet_time.MAX_BACK", "false"
    ),
    "a clock that stepped back stops the ticks": row(
        "lua/state/jobs.lua", "jobs.left", "age >= 0 and ", "", "store/ticks"
    ),
    "a turn from before the clock stepped back is kept": row(
        "lua/state/jobs.lua", "jobs.left", "age >= 0 and ", "", "store/turns"
    ),
    "ticks in a packet are not confirmed": row(
        "_client/pipeline.py", "_checked", "unconfirmed or ", "", "store/durability"
    ),
    "a session is put back in a class that its type may not use": row(
        "lua/pools/replay.lua",
        "find_type_index",
        "session_types.may_use(fleet, type_index, pool.class_index)",
        "true",
    ),
}
