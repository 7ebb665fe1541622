"""Planted mistakes in how the Lua decides and keeps count; the store's tests must notice each."""

from __future__ import annotations

from tests.mutants.planting import Mutant, lua_file

TESTS = tuple(
    f"tests/store/test_{name}.py"
    for name in (
        "sessions",
        "tombstones",
        "configure",
        "newer_fleets",
        "pools",
        "statuses",
        "reports",
        "batching",
        "choice",
        "integrals",
        "concurrency",
        "decisions",
    )
)


def lua(module: str, right: str, wrong: str) -> Mutant:
    return Mutant(lua_file(module), right, wrong, TESTS)


MUTANTS = {
    "select one bit too far": lua("rows", "if nth < count then", "if nth <= count then"),
    "halving stops too late": lua("rows", "low = middle\n", "low = middle + 1\n"),
    "tokens by NOT": lua(
        "rows",
        "redis.call('BITOP', 'XOR', destination, active, destination)",
        "redis.call('BITOP', 'NOT', destination, destination)",
    ),
    "green tokens of all classes at once": lua(
        "slta", "choice.pick(green, previous_class, draw)", "choice.pick(green, 0, draw)"
    ),
    "full pools have room": lua("rows", "bytes[i] = bytes[i] - without[i]", "bytes[i] = bytes[i]"),
    "yellow before the last green": lua("slta", "previous_class > 0 and green[previous_class] > 0 then", "false then"),
    "r steps down a token early": lua("tokens", "green >= fleet.min_green", "green >= fleet.min_green - 1"),
    "r steps down without a green token of its class": lua("slta", " and fleet.green[fleet.previous_class] > 0)", ")"),
    "r steps up with two yellow tokens": lua("tokens", "fleet.yellow <= 1", "fleet.yellow <= 2"),
    "r is judged after the arrival": lua(
        "placements", "fleet, 'update', step)", "fleet, 'update', policies.call(fleet, 'learning_step'))"
    ),
    "green tokens are not taken at the threshold": lua(
        "tokens",
        "if level == fleet.thresholds[class_index]",
        "if change < 0 and level == fleet.thresholds[class_index]",
    ),
    "a single pool learns": lua(
        "tokens",
        "active_pools == 1 then\n    return\n  elseif step",
        "active_pools == -1 then\n    return\n  elseif step",
    ),
    "r starts again when pools change": lua(
        "tokens", "return order.at_or_after(fleet, fleet.estimate_class, fleet.estimate_level)", "return 1"
    ),
    "the threshold counts its own rank": lua("order", "level) < rank\n", "level) <= rank\n"),
    "an emptied class stays in the order": lua(
        "ledger", "if configures or cache.support(fleet.pools) ~= before then", "if configures then"
    ),
    "the worst of two classes": lua(
        "jlmu",
        "frontier_ranks[class_index] < frontier_ranks[best]",
        "frontier_ranks[class_index] > frontier_ranks[best]",
    ),
    "the frontier does not fall": lua(
        "jlmu", "if change < 0 and level < fleet.frontiers[class_index] then", "if false then"
    ),
    "the frontier does not rise": lua(
        "jlmu", "set_frontier(fleet, class_index, level + 1)", "set_frontier(fleet, class_index, level)"
    ),
    "a lease ends early": lua("records", "(fleet.time + lease) / 1e6) + 1", "(fleet.time + lease) / 1e6)"),
    "leases end after an outage": lua("leases", "fleet.time >= fleet.hold_until and ", ""),
    "a jump of the clock is time": lua(
        "accounting", "elapsed = math.max(0, math.min(elapsed, accounting.MAX_STEP))", "elapsed = math.max(0, elapsed)"
    ),
    "an ended id is forgotten at once": lua("placements", "  if ended then\n", "  if false then\n"),
    "a late assign is placed": lua("sessions", "tombstones.add(fleet, id)", "local _ = nil"),
    "retention drops the younger generation": lua(
        "sessions", "fleet.ended_generation = 1 - fleet.ended_generation\n", "\n"
    ),
    "integrals are sums of floats": lua(
        "accounting", "low = low + ((high - (sum - part)) + (value - part))", "low = 0"
    ),
    "pools are integrated with what they became": lua(
        "ledger",
        "  accounting.integrate_pools(fleet)\n  local before",
        "  local before",
    ),
    "the optimum forgets to move on": lua(
        "accounting", "if fleet.bound_filled == fleet.pools[class_index] then", "if false then"
    ),
    "a full pool adopts": lua(
        "reports", ">= fleet.capacities[class_index] then", "> fleet.capacities[class_index] then"
    ),
    "sessions placed after the list end": lua("reports", "session.start >= before", "false"),
    "drained sessions stay in the rows": lua(
        "statuses",
        "ledger.write_column(fleet, class_index, columns[1].pool_index, columns[1].occupancy, present)",
        "ledger.write_column(fleet, class_index, columns[1].pool_index, 0, present)",
    ),
    "pools drained together stay in the rows above their first level": lua(
        "statuses", "  for level = 0, highest do", "  for level = 0, math.min(highest, 1) do"
    ),
    "a drain of a class changes its failed pools": lua(
        "statuses", " or pool.status == 'failed' and not with_failed then", " then"
    ),
    "more than 65,536 pools": lua("pools", "#new > constants.MAX_POOLS", "#new - 1 > constants.MAX_POOLS"),
    "a smaller capacity is not checked": lua("fleets", "largest_occupancy(fleet, class_index) > wanted[name]", "false"),
    "a policy leaves its rows": lua("fleets", "    policies.clear(fleet)\n", "\n"),
    "a newer layout is taken for ours": lua(
        "state", "values[1] > constants.LAYOUT and not under_repair then", "false then"
    ),
    "an unknown policy is taken for ours": lua("state", "elseif not policy then", "elseif false then"),
    "unknown fields are lost": lua("codec", "if values[at] > count then\n", "if false then\n"),
    "unknown blocks are lost": lua("state", "if at <= #values then", "if false then"),
    "a copy of another configuration is used": lua("cache", "entry.tables ~= fleet.tables", "false"),
    "a state that another one wrote is not read": lua("cache", "fleet.written ~= text or ", ""),
    "an unknown status is taken for ours": lua("pools", "if not pools.COUNTED_IN[status] then", "if false then"),
    "the past is cut short": lua("history", "'LTRIM', key, 0, 60)", "'LTRIM', key, 0, 58)"),
}
