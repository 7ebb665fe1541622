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
    "a class that is full has a free place": lua(
        "differences", "  while low < capacity do\n", "  while true do\n", STORE
    ),
    "the lowest level that all pools have reached is free": lua(
        "differences", "    elseif low + 1 == high then\n", "    elseif low + 2 >= high then\n", DECISIONS
    ),
    "a place at r is the best": lua(
        "tokens",
        "  for class_index = 1, #fleet.green do\n    if fleet.green[class_index] > 0 then\n      has_token",
        "  for class_index = 1, 0 do\n    if fleet.green[class_index] > 0 then\n      has_token",
        DECISIONS,
    ),
    "without tokens a place at r is free": lua("tokens", "return has_token and best or nil", "return best", STORE),
    "what is worth less than a place at r is the best": lua(
        "tokens", "at_r > least and at_r or least", "least", DECISIONS
    ),
    "JLMU's choice is the best place in any order": lua(
        "jlmu", "      best = marginal > best and marginal or best\n", "", DECISIONS
    ),
    "another order leaves the sums": lua(
        "fleets",
        "  if policy_differs or tables_differ then",
        "  if policy_differs or totals_differ then",
        STORE,
        "store/reports",
    ),
    "another policy leaves the sums": lua(
        "fleets", "  if policy_differs or tables_differ then", "  if tables_differ then", STORE
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
    "a single late report is not late": python("api/routes/sessions", ", late=body.late", "", "api/reports"),
    "a late report in bulk is not late": python("api/schemas", "late=report.late", "late=False", "api/reports"),
}
