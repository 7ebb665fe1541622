"""Planted mistakes in what an acknowledgement promises, and in noticing and replaying what a store has lost."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import lua, python

DURABILITY, WENT_BACK, REPLAY_LOG = "store/durability", "store/rollback", "store/replay_log"
RECOVERY, HISTORIES = "store/recovery", "store/histories/histories"

MUTANTS: dict[str, Mutant] = {
    "fewer confirmations than replicas are enough": python(
        "store/client/pipeline", "missing = confirmed < replicas.needed", "missing = confirmed < 0", DURABILITY
    ),
    "nobody waits for replicas": python(
        "store/client/pipeline", "if durable and pool.replicas.needed:", "if False:", DURABILITY
    ),
    "what is written to see it confirmed writes nothing": python(
        "store/fleets", '("SET", key, ""), ("DEL", key)', '("DEL", key)', DURABILITY
    ),
    "a report that finds nothing to do confirms nothing": python(
        "store/pools", "if not (missing or unknown):", "if False:", DURABILITY
    ),
    "any appendfsync will do": python(
        "store/client/durability", "if setting == SYNCED else", "if setting else", DURABILITY
    ),
    "the first call that is lost counts as present": python(
        "store/client/rollback_detection", "stamp.revision > last else", "stamp.revision > last + 1 else", REPLAY_LOG
    ),
    "an incarnation that is no longer recorded had lost nothing": python(
        "store/client/rollback_detection", 'return "unknown"', 'return "present"', REPLAY_LOG
    ),
    "what another fleet acknowledged is replayed": python(
        "store/client/rollback_detection", 'return "other fleet"', 'return "lost"', REPLAY_LOG
    ),
    "the store takes facts of another fleet": lua(
        "library", "if not incarnations.is_of(fleet, args[2]) then", "if false then", WENT_BACK
    ),
    "another incarnation makes no suspect": python(
        "store/client/rollback_detection", "self._suspects.add(fleet)", "pass", REPLAY_LOG, WENT_BACK
    ),
    "everything is replayed after each restart": python(
        "store/failover/replay_log",
        'if history.fate(call.stamp) in ("lost", "unknown")]',
        'if history.fate(call.stamp) != "other fleet"]',
        REPLAY_LOG,
    ),
    "what was lost is not replayed": python(
        "store/failover/recovery", "range(0, len(facts), PER_CALL[function])", "range(0)", WENT_BACK
    ),
    "what was replayed is replayed again with the next failover": python(
        "store/failover/replay_log", "if id(call) not in gone)", ")", REPLAY_LOG
    ),
    "a replay is not logged": python(
        "store/failover/recovery", "self._log.record_facts(fleet, stamp, restored)", "del stamp", WENT_BACK
    ),
    "an ended session is replayed as a live one": python(
        "store/failover/facts",
        ".ends.get(outcome[0]) if kind in OPERATIONS",
        ".ends.get(None) if kind in OPERATIONS",
        REPLAY_LOG,
    ),
    "the fork is the revision that a later call finds": lua(
        "incarnations", "process_id(), fleet.revision)", "process_id(), fleet.revision + 5)", WENT_BACK
    ),
    "a process takes the incarnation of another one for its own": lua(
        "incarnations", "if is_known or not string.find(", "if is_known or false and not string.find(", WENT_BACK
    ),
    "a state that went back within one process is not noticed": lua(
        "incarnations", "if is_known and fleet.revision > highest[prefix] then", "if is_known then", WENT_BACK
    ),
    "each version of the library begins an incarnation": lua(
        "incarnations", "if is_known or not string.find(", "if true or not string.find(", WENT_BACK
    ),
    "a state that is made anew begins another fleet": lua(
        "incarnations",
        "fleet.incarnation = tonumber(last) or is_lost and",
        "fleet.incarnation = is_lost and 0 or is_lost and",
        WENT_BACK,
    ),
    "a replay shortens a lease": lua(
        "sessions",
        "local is_shorter = session.due > 0 and (due == 0 or due > session.due)",
        "local is_shorter = true",
        WENT_BACK,
    ),
    "a replayed placement revives an ended session": lua(
        "reports", "not session and (sessions.ended(fleet, id))", "false", WENT_BACK
    ),
    "ids of a short retention are forgotten at once": lua(
        "sessions", "math.max(fleet.retention, MIN_RETENTION)", "fleet.retention", "store/sessions"
    ),
    "an unknown complete leaves the revision": lua("tombstones", "fleet.revision = fleet.revision + 1", "", WENT_BACK),
    "an end of an unknown session is not replayed": lua(
        "replay", "sessions.add_ended(fleet, id, reason, pool_id)", "", WENT_BACK
    ),
    "what does not fit is forgotten": python(
        "store/failover/recovery", "self._waiting[fleet] = replay", "pass", RECOVERY
    ),
    "what does not fit is tried for ever": python(
        "store/failover/recovery", "if monotonic() >= replay.until:", "if False:", RECOVERY
    ),
    "a failover uses up the retention": python(
        "store/failover/replay_log",
        "KEPT_SECONDS if self._is_settled(fleet, calls[0], stamp) else REPLAY_SECONDS",
        "KEPT_SECONDS",
        REPLAY_LOG,
    ),
    "of two facts of a pool the last replayed one wins": lua(
        "marks", "marked > given or marked == given and last >= revision", "false", RECOVERY
    ),
    "a fact of a pool undoes what was acknowledged since": lua(
        "marks", "    set_pools(fleet, { pool_id })\n", "", RECOVERY
    ),
    "a refused call leaves a mark on its pools": lua(
        "marks", "reply[1] == 'CREATED' and given or {}", "given", HISTORIES
    ),
    "any call of an unknown pool leaves a mark": lua("marks", "removes and reply", "reply", HISTORIES),
    "a lease undoes older facts of its pool": lua("replay_pools", " and not is_lease(fact) then", " then", HISTORIES),
    "a drain keeps the deadline that it had": lua(
        "replay_pools", " or drains.find(fleet, fact.pool_id, present)) then", ") then", HISTORIES
    ),
    "a session that came back to its pool leaves it again": lua(
        "replay", "elseif session.pool_id == pool_id and session.start < start then", "elseif false then", HISTORIES
    ),
    "who is told that a session has ended is told nothing": python(
        "store/operations", 'assign", creates=True, ends={"ENDED": _told}', 'assign", creates=True', HISTORIES
    ),
    "a renewal that was answered 404 leaves no mark": lua(
        "sessions", "  marks.answer(fleet, id)\n  return 'UNKNOWN'", "  return 'UNKNOWN'", RECOVERY
    ),
    "a deadline ends sessions before they are replayed": lua(
        "drains", "incarnations.is_recovering(fleet) or not are_due(fleet)", "not are_due(fleet)", RECOVERY
    ),
    "a lost pool ends sessions before they are replayed": lua(
        "expiry", "letter ~= 'a' and incarnations.is_recovering(fleet)", "false", RECOVERY
    ),
    "a pool that is put back takes sessions though it is not heard": lua(
        "replay_pools", "fact.ttl and { ttl = fact.ttl, listed = fleet.time, unheard = true }", "nil", RECOVERY
    ),
    "a replayed place yields to none": lua(
        "replay",
        "session.pool_id ~= pool_id and session.start < start then",
        "session.pool_id ~= pool_id then",
        WENT_BACK,
    ),
    "a session that is replayed began now": lua(
        "replay", "math.min(tonumber(start), fleet.time)", "fleet.time", WENT_BACK
    ),
    "everybody marks": lua(
        "incarnations", " or fleet.marked_incarnation == fleet.incarnation then", " then", WENT_BACK
    ),
    "leases end at once after a loss": lua(
        "incarnations", "  accounting.resume(fleet, fleet.clock, fleet.time)\n", "", WENT_BACK
    ),
    "a reply that cannot be read leaves its callers waiting": python(
        "store/batching/batcher",
        "            self._deliver(batch, operations, reply, stamp)\n        except TimeoutError",
        "        except TimeoutError",
        "store/batching",
    ),
    "a fleet that is made anew within a second is taken for the one before": lua(
        "fleets", "math.max(math.floor(now / 1e6), (deleted[key] or 0) + 1)", "math.floor(now / 1e6)", WENT_BACK
    ),
}
