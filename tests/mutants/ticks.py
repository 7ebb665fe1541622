"""Planted mistakes in ticks that dispatchers share: their schedule, their packets, and when one may change nothing."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import lua, python

TICKS, SCHEDULE, BACKGROUND = "store/ticks", "runtime/tick_schedule", "runtime/background"

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
    "a fleet that another dispatcher ticks is left for long": python(
        "runtime/tick_schedule", "SHARED_SECONDS = 2.0", "SHARED_SECONDS = 3.0", SCHEDULE
    ),
    "a fleet that another dispatcher ticks is called as often": python(
        "runtime/tick_schedule", "        if shared:\n", "        if False:\n", SCHEDULE
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
        "runtime/ticks", "shared=recent and not self._store.is_doubted(fleet)", "shared=recent", BACKGROUND
    ),
    "ticks in a packet are not confirmed": python(
        "store/client/functions", "reply if _is_error(reply) else unconfirmed or reply", "reply", "store/durability"
    ),
}
