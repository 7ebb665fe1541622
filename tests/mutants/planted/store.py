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
    "integrals are sums of floats": row("lua/state/fleet_time.lua", "fleet_time.add", "low = low + part", "low = low"),
    "a drain of a class changes its failed pools": row(
        "lua/pools/statuses.lua", "split", "or pool.status == 'failed' and given.pool_class ~= '' ", ""
    ),
    "a state that another one wrote is not read": row("lua/state/state.lua", "find", "fleet.now == now and ", ""),
    "sessions that move are drawn": row("lua/pools/reports.lua", "reports.report", "session or late", "late"),
    "replicas beyond the configured number are not waited for": row(
        "_client/durability.py", "needed", "max(self._configured, self._online)", "self._configured", "store/durability"
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
    "the fork is the revision that a later call finds": row(
        "lua/state/incarnations.lua", "record", "revision)", "revision + 5)"
    ),
    "a process takes the incarnation of another one for its own": row(
        "lua/state/incarnations.lua", "incarnations.begin_call", "or not string", "or false and not string"
    ),
    "a state that went back within one process is not noticed": row(
        "lua/state/incarnations.lua", "incarnations.begin_call", " and fleet.revision >= highest[fleet.key]", ""
    ),
    "a replayed placement revives an ended session": row(
        "lua/pools/restores.lua", "placed", "not session and ended_ids.find(fleet, item.id)", "false"
    ),
    "a deadline ends sessions before they are replayed": row(
        "lua/pools/due_drains.lua", "due_drains.carry_out", "found[1] and incarnations.is_recovering(fleet)", "false"
    ),
    "a lost pool ends sessions before they are replayed": row(
        "lua/pools/expiry.lua", "expiry.run", "incarnations.is_recovering(fleet)", "false"
    ),
    "a replayed place yields to none": row("lua/pools/restores.lua", "placed", "has_lost or not pool", "not pool"),
    "a reply that cannot be read leaves its callers waiting": row(
        "_batching/batcher.py",
        "_send",
        "            self._deliver(batch, operations, reply, stamp)\n",
        "",
        "store/batching",
    ),
    "a fleet that is made anew within a second is taken for the one before": row(
        "lua/fleets/fleets.lua",
        "create",
        "math.max(math.floor(given.clock / 1e6), (deleted[key] or 0) + 1)",
        "math.floor(given.clock / 1e6)",
    ),
    "a repair undoes a PUT that came in between": row(
        "lua/rebuild/inspection.lua", "inspection.run", "document[1] ~= given.document", "not document[1]"
    ),
    "a lease ends in any second whose set has the session": row(
        "lua/sessions/sessions.lua", "expire", "or session.due ~= fleet.next_due ", ""
    ),
    "an outage loses pools": row("lua/state/fleet_time.lua", "fleet_time.resume", "HOLD), time\n", "HOLD), 0\n"),
    "a pool becomes gone while the guard is on": row(
        "lua/pools/expiry.lua", "expiry.run", "present == 'lost' and guards.is_on(fleet, pool.class)", "false"
    ),
    "a failed pool returns alive while the guard is on": row(
        "lua/pools/statuses.lua", "", "guards.is_on(fleet, pool.class)", "false"
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
    "a node that was cut off is believed": row(
        "_client/topology.py", "merge", "known.epoch > found[node_id].epoch", "False"
    ),
    "an older view takes back what MOVED said": row("_client/topology.py", "merge", "moved[1] >= asked", "False"),
    "a clock that is back by half a second holds all leases": row(
        "lua/state/fleet_time.lua", "fleet_time.advance", "elapsed < 0 and elapsed > -MAX_BACK", "false"
    ),
    "a clock that stepped back stops the ticks": row("lua/fleets/ticks.lua", "", "age >= 0 and ", "", "store/ticks"),
    "a turn from before the clock stepped back is kept": row(
        "lua/fleets/ticks.lua", "", "age >= 0 and ", "", "store/turns"
    ),
    "ticks in a packet are not confirmed": row(
        "_client/pipeline.py", "_checked", "unconfirmed or ", "", "store/durability"
    ),
    "a session is put back in a class that its type may not use": row(
        "lua/pools/restores.lua", "kind_of", "types.may_use(fleet, kind, pool.class)", "true"
    ),
}
