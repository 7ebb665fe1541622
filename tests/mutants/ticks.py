"""Planted mistakes in ticks and audits that dispatchers share: schedule, packets, claims, and what is due when."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import lua, python

TICKS, TURNS, SCHEDULE, LANES = "store/ticks", "store/turns", "runtime/tick_schedule", "runtime/tick_lanes"
CLAIMS, AUDITS = "store/audit_claims", "runtime/self_audit"

MUTANTS: dict[str, Mutant] = {
    "each tick writes": lua("ticks", "shared == '1' and is_recent(fleet)", "false", TICKS),
    "a lease that has expired waits for half a second": lua("ticks", " and not leases.is_late(fleet)", "", TICKS),
    "a suspect fleet counts as ticked": lua(
        "ticks", "\n    and redis.pcall('HGET', keys.of_fleet(fleet, 'cold'), 'suspect') == ''", "", TICKS
    ),
    "a clock that stepped back stops the ticks": lua(
        "ticks", "elapsed >= 0 and elapsed < RECENT", "elapsed < RECENT", TICKS
    ),
    "another process's state counts as ticked": lua("ticks", "last.incarnation == fleet.incarnation and ", "", TICKS),
    "the end of a tick has no stamp": lua(
        "library",
        "  reply[#reply + 1] = (os.clock() - began) * 1e6\n  return reply, fleet",
        "  return reply, nil",
        TICKS,
    ),
    "each dispatcher comes at a turn of its own": lua(
        "turns", "turn and (not turn.stand_in or", "turn and (false or", TURNS
    ),
    "every dispatcher stands in at the last turn": lua("turns", "not turn.stand_in or", "true or", TURNS),
    "many dispatchers take turns without end": lua("turns", "at > fleet.clock + LATEST", "false", TURNS),
    "a turn from before the clock stepped back is kept": lua("turns", " and ahead <= LATEST", "", TURNS),
    "fleets that were ticked together stay together": lua("turns", "fleet.clock % 1000 / 1000", "0", TURNS),
    "a dispatcher with leases left waits for its turn": lua("ticks", " and not remain and", " and", TURNS),
    "a dispatcher comes each second": python(
        "runtime/tick_schedule", "(turn or TICK_SECONDS", "(TICK_SECONDS", SCHEDULE
    ),
    "a packet has any number of fleets": python(
        "runtime/tick_schedule", " or len(packets[-1]) == PACKET_FLEETS", "", SCHEDULE
    ),
    "a packet takes any time of the server": python(
        "runtime/tick_schedule", "seconds > PACKET_SECONDS * (1 + 1e-9) or ", "", SCHEDULE
    ),
    "a fleet that is gone is ticked": python(
        "runtime/tick_schedule", "            self._due.pop(fleet, None)\n", "", SCHEDULE
    ),
    "a fleet in doubt is left to the other dispatcher": python(
        "runtime/ticks", "turn=0 if self._store.is_doubted(fleet) else turn", "turn=turn", LANES
    ),
    "ticks in a packet are not confirmed": python(
        "store/client/pipeline", "reply = unconfirmed or (reply if", "reply = (reply if", "store/durability"
    ),
    "ticks of all masters are sent to one of them": python(
        "runtime/ticks", "dealt[self._store.fleets.server(fleet)]", "dealt[0]", LANES
    ),
    "each packet waits for the processor": python(
        "runtime/tick_lanes", "asyncio.sleep(paced - _now())", "asyncio.sleep(self.schedule.pause(packet))", LANES
    ),
    "all fleets of a server that is away are tried": python("runtime/tick_lanes", "only_one=self.is_away", "", LANES),
    "ticks leave half of the time free, whatever a round takes": python(
        "runtime/tick_schedule", "min(1 / (1 - SHARE), ", "max(1 / (1 - SHARE), ", SCHEDULE
    ),
    "each dispatcher audits each fleet": lua(
        "audit_claims", "if not audit_claims.is_due(fleet) then", "if false then", CLAIMS
    ),
    "the claim of a dispatcher that is gone stays": lua(
        "audit_claims", "CLAIM_TIME = 600e6", "CLAIM_TIME = 6000e6", CLAIMS
    ),
    "a fleet is audited whenever no audit is claimed": lua("audit_claims", "PERIOD = 3600e6", "PERIOD = 1", CLAIMS),
    "a damaged fleet that was repaired waits for the next hour": lua(
        "audit_claims", "fleet.incarnation, fleet.repairs or 0)", "fleet.incarnation, 0)", CLAIMS
    ),
    "what another server took over waits for the next hour": lua(
        "audit_claims", "string.format('%d %d', fleet.incarnation,", "string.format('%d %d', 0,", CLAIMS
    ),
    "the result of an audit is not in the fleet": python(
        "runtime/self_audit", "await self._store.audits.store(fleet, claim, result)", "pass", AUDITS
    ),
    "no tick says that an audit is due": python("runtime/ticks", "self._audit_due(fleet)", "pass", AUDITS),
    "an audit that another dispatcher has claimed is done twice": python(
        "runtime/self_audit",
        "if claim is None:\n                return",
        "if claim is None:\n                claim = '0 0'",
        AUDITS,
    ),
    "unlisted keys that are damaged are looked at in an hour": python(
        "runtime/self_audit", "if not any(one.total for one in found):", "if True:", AUDITS
    ),
}
