"""Planted mistakes in what an acknowledgement promises, and in noticing and mending a store that went back."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import lua, python

DURABILITY, WENT_BACK, CONTINUITY = "store/durability", "store/went_back", "store/continuity"

MUTANTS: dict[str, Mutant] = {
    "fewer confirmations than replicas are enough": python(
        "store/exchange", "or confirmed < replicas:", "or confirmed < 0:", DURABILITY
    ),
    "nobody waits for replicas": python(
        "store/caller",
        "replicas = self._settings.durability.replicas if lasting else 0",
        "replicas = 0",
        DURABILITY,
    ),
    "what is written to see it confirmed writes nothing": python(
        "store/fleets",
        'return ("HSET", FILES_KEY, fleet, ""), ("HDEL", FILES_KEY, fleet)',
        'return (("HDEL", FILES_KEY, fleet),)',
        DURABILITY,
    ),
    "a report that finds nothing to do confirms nothing": python(
        "store/pools", "if not (missing or strangers):", "if False:", DURABILITY
    ),
    "any appendfsync will do": python("store/durability", "if setting == SYNCED else", "if setting else", DURABILITY),
    "a fall is seen in a call that was sent before": python(
        "store/continuity", "if revision < sent.revision:", "if revision < known.revision:", CONTINUITY
    ),
    "the offset at which two servers part does not count": python(
        "store/continuity",
        'return "unsure" if before.offset < now.parted else "lost"',
        'return "unsure"',
        CONTINUITY,
        WENT_BACK,
    ),
    "a failover that may have lost something is no reason to look": python(
        "store/continuity", "known.unsure = True", "known.unsure = False", WENT_BACK
    ),
    "what was acknowledged is not put back": python(
        "store/recovery", "words = self._acknowledged.put_back(fleet)", "words = []", WENT_BACK
    ),
    "the mark of another dispatcher is taken for another fleet": python(
        "store/continuity", "lost = known.first_epoch == first_epoch", "lost = False", CONTINUITY, WENT_BACK
    ),
    "an ended session is put back as a live one": python(
        "store/acknowledged", "if kind in ENDING:", "if kind in ():", CONTINUITY
    ),
    "a session is put back on the pool that it had left": python(
        "store/acknowledged", 'elif kind == "restore":', 'elif kind == "":', CONTINUITY
    ),
    "a reported session is put back with the fleet's lease": python(
        "store/acknowledged", "pool_id, lease, start)", 'pool_id, "", start)', CONTINUITY
    ),
    "a report is put back over a later one of another dispatcher": lua(
        "reports", "if known and known.start >= tonumber(start) then", "if false then", WENT_BACK
    ),
    "a session that is put back began now": lua(
        "reports", "math.min(tonumber(start), fleet.time)", "fleet.time", WENT_BACK
    ),
    "everybody marks": lua("continuity", "if tonumber(epoch) ~= fleet.store_epoch then", "if false then", WENT_BACK),
    "a fleet that is made anew within a second is taken for the one before": lua(
        "fleets", "math.max(math.floor(now / 1e6), (deleted[key] or 0) + 1)", "math.floor(now / 1e6)", WENT_BACK
    ),
    "leases end at once after a loss": lua(
        "continuity", "fleet.hold_until = fleet.time + accounting.HOLD", "fleet.hold_until = 0", WENT_BACK
    ),
}
