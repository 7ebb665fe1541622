"""Planted mistakes in repairs that nobody asked for, in what they may set aside, and in the audit."""

from __future__ import annotations

from tests.mutants.planting import Mutant, lua_file
from tests.mutants.refusing import BATCHING, lua, python

AUTOMATIC, REPAIRS = "store/automatic_repairs", "store/repairs"
COMMAND, REPAIRING, FLEETS = "cli/audit_command", "runtime/automatic_repairs", "api/fleets"


def planted(module: str, right: str, wrong: str, *names: str) -> Mutant:
    """A mistake that tests of planted corruptions notice; the page that they are written to is not in a copy."""
    return Mutant(
        lua_file(module),
        right,
        wrong,
        tuple(f"tests/store/test_corruptions.py::test_{name}" for name in names),
    )


NOTICED, TOLD = "numbers_that_cannot_be_are_noticed", "a_state_with_a_rank_that_does_not_exist_is_not_told"
DRY_RUN = {
    "more than ten records are set aside unasked": python(
        "models/snapshots", "records <= MAX_SET_ASIDE and ", "", AUTOMATIC
    ),
    "more than 1 % of the sessions are set aside unasked": python(
        "models/snapshots", "and len(self.sessions) <= self.live * MAX_SHARE_SET_ASIDE", "", AUTOMATIC
    ),
    "records of pools do not count": python(
        "models/snapshots", "len(self.sessions) + len(self.pools)", "len(self.sessions)", AUTOMATIC
    ),
    "a pool that its name tells of is said to be lost": python(
        "store/repairs", 'found["pool"] if pool_id not in named', 'found["pool"]', AUTOMATIC
    ),
    "a session of no known class is not told of": lua(
        "repair_survey", "      slice:add('homeless', id, session.pool_id)\n", "", AUTOMATIC
    ),
    "sets of ids are not looked at before the rest": python(
        "store/repairs", 'if part in ("ids", "aside") and not', "if False and not", AUTOMATIC
    ),
    "the command sets aside though nobody answered": python(
        "cli/audit", 'without a prompt.")\n        return False', 'without a prompt.")\n        return True', COMMAND
    ),
    "a repair over HTTP sets aside what it finds": python(
        "api/routes/fleets", 'set_aside=set_aside == "true"', "set_aside=True", FLEETS
    ),
}
BEGINNING = {
    "a repair undoes a PUT that came in between": lua(
        "repair_begin", "elseif document ~= given.document then", "elseif not document then", AUTOMATIC
    ),
    "a deleted fleet comes back as one that is damaged": lua(
        "repair", "if redis.call('EXISTS', key, prefix .. 'document') == 0 then", "if false then", AUTOMATIC
    ),
    "a fleet is repaired once more by who comes too late": lua(
        "repair_begin", "elseif asked ~= '1' and not repair.is_claimed(fleet) then", "elseif false then", AUTOMATIC
    ),
    "all dispatchers look at once": lua("repair", "'SUSPECT', 0, blocked", "'SUSPECT', 1, blocked", AUTOMATIC),
    "a clock that was set back holds a repair up": lua(
        "repair", "now >= claimed and now - claimed", "now - claimed", AUTOMATIC
    ),
    "a lost state is an unknown fleet": lua(
        "library", " or refusal == 'UNKNOWN_FLEET' and is_lost(key_list[1])", "", AUTOMATIC
    ),
    "without the cold fields nothing of the state is read": lua(
        "repair_begin", "if not is_read and can_write then", "if false then", AUTOMATIC
    ),
    "an error in a tick is forgotten": lua("ticks", "    if not ok then", "    if false then", AUTOMATIC),
    "that a repair is blocked is not shown": python(
        "runtime/automatic_repairs", "            self._on_blocked(fleet, is_blocked)\n", "", REPAIRING
    ),
    "a fleet that ticks find suspect is not taken up": python(
        "runtime/automatic_repairs", "if suspect and suspect.ours:", "if False:", REPAIRING
    ),
    "a state does not say that its repair is blocked": lua(
        "reads", "if fleet.suspect ~= '' then", "if false then", AUTOMATIC
    ),
    "a rank that does not exist is shown": planted(
        "reads", "  assert(rank >= 0 and rank <= fleet.last_rank)\n", "", TOLD
    ),
}
LEASES = {
    "a lease of nobody is met again and again": lua(
        "leases", "    leases.set(fleet, id, fleet.next_due, false)\n", "", BATCHING
    ),
    "a lease ends in any second whose set has the session": lua(
        "sessions", "if not session or session.due ~= fleet.next_due then", "if not session then", BATCHING
    ),
}
MENDING = {
    "sessions without a record are dropped": lua(
        "repair_orphans", "ipairs(pool_id and found or {})", "ipairs({})", AUTOMATIC
    ),
    "sessions that are over come back": lua(
        "repair_orphans", "not repair_aside.is_over(fleet, id) and id or nil", "id", AUTOMATIC
    ),
    "ids of a pool that is not there are dropped in silence": lua(
        "repair_keys",
        "    repair.set_aside(fleet, 'session ' .. id, 'of pool number ' .. pool_number)\n",
        "",
        AUTOMATIC,
    ),
    "a repair that nobody asked for puts back": lua(
        "repair_aside", "if job.put_back ~= '1' then", "if false then", AUTOMATIC
    ),
    "a session that has ended is put back": lua(
        "repair_aside", " and not repair_aside.is_over(fleet, id)", "", AUTOMATIC
    ),
    "a live session is put back as it was": lua(
        "repair_aside", "return not redis.pcall('HGET', key, id) and key, id", "return key, id", AUTOMATIC
    ),
    "unknown keys are dropped unasked": lua("repair_keys", " and job.asked == '1'", "", AUTOMATIC),
    "of two pools of one number one is set aside": lua(
        "repair_pools",
        "return free_number(fleet, (keys.locate(fleet, pool_number)))",
        "return nil",
        AUTOMATIC,
    ),
    "the older generation is taken for the younger": lua(
        "repair_begin", "fleet.ended_generation == 0 and 0 or 1", "fleet.ended_generation == 1 and 1 or 0", REPAIRS
    ),
}
AUDIT = {
    "any generation will do": planted(
        "audit_fields",
        "if fleet.ended_generation ~= 0 and fleet.ended_generation ~= 1 then",
        "if false then",
        NOTICED,
    ),
    "a count may be negative": planted("audit_fields", "    if count < 0 then", "    if false then", NOTICED),
    "more placements than sessions will do": planted(
        "audit_fields", "if placed > fleet.assigned then", "if false then", NOTICED
    ),
    "lost deadlines will do": planted("audit_totals", "(name, size, fleet[name])", "(name, size, size)", NOTICED),
    "any clock will do": planted("audit_fields", "report.lag, tonumber(cold.lag)", "report.lag, report.lag", NOTICED),
    "any two parts make an integral": planted("audit_totals", "high, high + low)", "high, high)", NOTICED),
    "an integral may fall": planted(
        "audit_totals", "fleet.sessions_high + fleet.sessions_low < kept.sessions", "false", NOTICED
    ),
    "any incarnation will do": planted(
        "audit_fields", "if fleet.incarnation ~= tonumber(last) then", "if not tonumber(fork) then", NOTICED
    ),
    "a revision may be below the fork": planted(
        "audit_fields", "elseif fleet.revision < tonumber(fork) then", "elseif false then", NOTICED
    ),
    "the audit of the tests reads the state at another instant": Mutant(
        "tests/audit.py",
        'self.hash("cold") | rawstate.named(values)',
        "rawstate.fields(redis, name)",
        ("tests/store/test_audits.py",),
    ),
}
MUTANTS: dict[str, Mutant] = DRY_RUN | BEGINNING | LEASES | MENDING | AUDIT
