"""Planted mistakes in the differences at placing by source."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import lua, python

STORE, DECISIONS = "store/differences", "store/decisions"

MUTANTS: dict[str, Mutant] = {
    "late reports are drawn": lua("reports", "  elseif not late then\n", "  else\n", STORE),
    "sessions that move are drawn": lua("reports", "  elseif not late then\n", "  end\n  if not late then\n", STORE),
    "sessions on draining pools are drawn": lua(
        "reports", "fleet.policy_table.choose and pool.status == 'active' and", "fleet.policy_table.choose and", STORE
    ),
    "a fleet that observes draws too": lua(
        "reports", "fleet.policy_table.choose and pool.status == 'active' and", "pool.status == 'active' and", STORE
    ),
    "high bits of the draw decide": lua(
        "differences",
        "draw * 2 ^ 53 % constants.DRAWN_ONE_IN == 0",
        "math.floor(draw * constants.DRAWN_ONE_IN) == 0",
        STORE,
    ),
    "one session in eight is drawn": lua("differences", "% constants.DRAWN_ONE_IN", "% 8", DECISIONS),
    "squares are not squared": lua("differences", "difference * difference\n", "difference\n", STORE),
    "a class that is full has a free place": lua("differences", "choice.room(fleet)", "fleet.pools", STORE),
    "the lowest level that all pools have reached is free": lua(
        "differences", "  while low + 1 < high do\n", "  while low + 2 < high do\n", STORE
    ),
    "the bound of a frontier is the frontier": lua("differences", "until is_frontier", "until true", STORE),
    "the frontier of a class that is not the best is enough": lua(
        "differences", "  return high == bound\n", "  return true\n", STORE, DECISIONS
    ),
    "the bound of a frontier is not the first to be counted": lua(
        "differences", "low, level = bound - 1, bound\n", "low, level = bound - 1, high - 1\n", STORE
    ),
    "a departure leaves the bounds of frontiers": lua(
        "ledger", "  if change < 0 and level < fleet.frontier_bounds[class_index] then\n", "  if false then\n", STORE
    ),
    "other pools leave the bounds of frontiers": lua("ledger", "  differences.forget_frontiers(fleet)\n", "", STORE),
    "what others changed leaves the bounds of frontiers": lua(
        "incarnations", "  differences.forget_frontiers(fleet)\n", "", STORE
    ),
    "bounds of frontiers are forgotten at the end of a call": lua(
        "incarnations", "fleet.revision == highest[prefix] then", "false then", STORE
    ),
    "a place at r is the best": lua(
        "tokens",
        "return differences.best_of(fleet, fleet.green, fleet.thresholds, at_r > least and at_r or least)",
        "return at_r > least and at_r or least",
        DECISIONS,
    ),
    "without tokens a place at r is free": lua(
        "tokens",
        "  if fleet.yellow == 0 and vectors.sum(fleet.green) == 0 then\n    return nil",
        "  if false then\n    return nil",
        STORE,
    ),
    "what is worth less than a place at r is the best": lua(
        "tokens", "at_r > least and at_r or least", "least", DECISIONS
    ),
    "JLMU's choice is the best place in any order": lua(
        "jlmu",
        "differences.highest(fleet, session_types.masked(fleet, kind, fleet.open)",
        "differences.highest(fleet, {}",
        DECISIONS,
    ),
    "another order leaves the sums": lua(
        "fleets",
        "  if policy_differs or tables_differ or",
        "  if policy_differs or totals_differ or",
        STORE,
        "store/reports",
    ),
    "another policy leaves the sums": lua(
        "fleets", "  if policy_differs or tables_differ or", "  if tables_differ or", STORE
    ),
    "a repair leaves the sums": lua("repair_totals", "  differences.restart(fleet)\n", "", STORE),
    "sums of earlier curves are taken off later ones": lua(
        "differences", "  fleet.differences_since = fleet.time\n", "", STORE
    ),
    "a field that an older version did not have is not 0": lua(
        "codec", "    block[at] = 0\n", "    block[at] = 1\n", STORE
    ),
    "the audit takes sums that cannot be": lua(
        "differences", "drawn * squares >= sum * sum * (1 - 1e-9)", "true", STORE
    ),
    "integrals forget the differences on their way through a client": python(
        "views/integrals", "Differences.from_numbers(*sums[6:]) if kind == _DIFFERING else None", "None", STORE
    ),
    "a mean mixes in what was drawn before the change": python(
        "views/differences",
        "    earlier = first if first and first.since == last.since else None\n    return DifferencesBySource(",
        "    earlier = first\n    return DifferencesBySource(",
        "views/views",
    ),
    "the standard error is that of a population": python(
        "views/differences", "/ (sessions - 1)", "/ sessions", "views/views"
    ),
    "a late report is taken for another pool's": lua(
        "reports", "string.match(options, '^%S*')", "options", "api/pool_access"
    ),
    "a late report is not late": python("api/schemas", "late=self.late", "late=False", "api/reports"),
}
