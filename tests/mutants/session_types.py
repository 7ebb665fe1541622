"""Planted mistakes in session types: prices, the bound and its intervals, and the store's counts."""

from __future__ import annotations

from tests.mutants.planting import Mutant
from tests.mutants.refusing import lua, python

PRICES, BOUND = (f"core/session_types/{name}" for name in ("prices", "bound"))
FUNCTIONS, STORE, CHANGES = "store/type_functions", "store/session_types", "store/type_changes"
MINIMAL, PRIORITY = "store/price_of_types", "store/priority"
AUDIT, REPAIR, TRAFFIC = "store/audit_types", "store/repair_types", "store/typed_traffic"

MUTANTS: dict[str, Mutant] = {
    "a price is asked of a session without another class": lua(
        "prices", "  if not mine then\n    return nil\n  end\n", "  mine = mine or 0\n", FUNCTIONS
    ),
    "needy is who finds less than the offer": lua(
        "prices", "local left = theirs <= mine - TIE and", "local left = theirs < now[class_index] and", FUNCTIONS
    ),
    "sessions that sit well are needy": lua(
        "prices", "theirs + TIE and left - inside or left", "theirs + TIE and left or left", FUNCTIONS, MINIMAL
    ),
    "nobody keeps the last places": lua(
        "prices", "if kept or not is_kept", "if true or not is_kept", FUNCTIONS, MINIMAL
    ),
    "a reserve refuses a session": lua(
        "prices", "return best_of(fleet, kind, levels, ranks, true)", "return 0, 0", FUNCTIONS, MINIMAL
    ),
    "those who have another class are counted in a reserve": lua(
        "prices", "and not besides(types, rival, class_index) then", "then", FUNCTIONS
    ),
    "a low priority has no consequence": lua("placements", "full or is_low and", "full or false and", PRIORITY),
    "a high priority has the consequences of a low one": lua(
        "placements", "' low', 1, true)", "'', 1, true)", PRIORITY
    ),
    "a full class is empty": lua("prices", "or fleet.capacities[other]", "or 1", FUNCTIONS),
    "a place that waits earns": lua("prices", " * (needy / (needy + holes))", "", FUNCTIONS),
    "a place beyond the capacity is worth nothing at all": lua(
        "prices", "local after = is_full and 0 or", "local after = is_full and -math.huge or", FUNCTIONS
    ),
    "holes are counted at the frontier only": lua(
        "prices", "math.max(1, room - fleet.held[class_index])", "1", FUNCTIONS
    ),
    "the needy are compared with the class's sessions": lua(
        "prices", "* chance(needy, room, ", "* chance(needy, math.max(1, fleet.held[class_index]), ", FUNCTIONS
    ),
    "a chance may be more than 1": lua("prices", "math.min(1, needy / room)", "(needy / room)", FUNCTIONS),
    "candidates are ordered by their offers": lua(
        "prices", "ranks[class_index] < ranks[found])", "now[class_index] > now[found])", FUNCTIONS
    ),
    "the classes are not packed anew": lua("type_counts", "  type_block.touch(fleet)\n", "", STORE),
    "a type is not packed anew": lua(
        "type_counts",
        "local function settle(fleet, kind)\n  type_block.touch(fleet, kind)\n",
        "local function settle(fleet, kind)\n",
        STORE,
    ),
    "a type's sessions on other pools are not packed anew": lua(
        "type_counts", "    type_block.touch(fleet, kind)\n", "", STORE
    ),
    "types are not packed anew when pools change": lua(
        "type_counts",
        "local class_index = keys.locate(fleet, pool_number)\n  type_block.touch_all(fleet)\n",
        "local class_index = keys.locate(fleet, pool_number)\n",
        STORE,
    ),
    "a drain leaves the sessions of its types": lua(
        "statuses", "      type_counts.move_pool(fleet,", "      (function() end)(fleet,", STORE
    ),
    "a type gets the number of another one": lua("type_changes", "taken[numbers[at]] = true", "", CHANGES),
    "a repair trusts the type of a record": lua(
        "repair_records", "local may_stay = kind > 1", "local may_stay = true", CHANGES
    ),
    "a session leaves the class of its type on paper": lua(
        "type_counts", "fleet.type_held[cell] + count", "fleet.type_held[cell] + math.max(0, count)", STORE
    ),
    "classes of a type stay where they were": lua(
        "fleets", "  type_changes.reorder_classes(fleet, class_ids)\n", "", CHANGES
    ),
    "an audit does not count the sessions of types": lua(
        "audit_types", "counts[at] = counts[at] + 1\n", "counts[at] = (fleet.type_held[at] or 1)\n", AUDIT
    ),
    "an audit trusts the assigned sessions of types": lua(
        "audit_type_totals", "  check_assigned(fleet, report)\n", "", AUDIT
    ),
    "an audit does not miss the stored types": lua(
        "audit_type_totals", "report:add('session types: are missing')", "text = ''", AUDIT
    ),
    "an audit trusts the refusals of types": lua("audit_type_totals", "  check_refusals(fleet, report)\n", "", AUDIT),
    "an audit trusts the integral of the types' bound": lua("audit_type_totals", "if excess < 0 or", "if", AUDIT),
    "an audit does not add up the integrals of types": lua(
        "audit_type_totals", "math.abs(total - expected) > 1 +", "math.abs(total - expected) < 0 *", AUDIT
    ),
    "an audit does not look for an integral of a type that fell": lua(
        "audit_type_totals", "if grown < 0 then", "if false then", AUDIT
    ),
    "an audit compares counts of different moments": lua(
        "audit_types", "if tonumber(revision) == fleet.revision then", "if revision then", AUDIT
    ),
    "an audit of a changing fleet does not count types": lua("audit_types", "report.budget = math.huge", "", AUDIT),
    "an audit hides what it has not counted": lua("audit_types", "report.unchecked =", "local _ =", AUDIT),
    "types are given up with any other damage of the state": lua(
        "repair_types", "if stored[3] and", "if false and", REPAIR
    ),
    "a refused call after a rollback hides the loss": lua(
        "incarnations",
        "    incarnations.extend_recovery(fleet)\n  end\nend\n",
        "    incarnations.extend_recovery(fleet)\n  end\n"
        "  current[prefix], highest[prefix] = fleet.incarnation, fleet.revision\nend\n",
        "store/rollback",
    ),
    "further numbers of the types' block are lost": lua(
        "type_block", "codec.append(values, at + kinds, fleet.unknown.types)", "at + kinds", "store/newer_fleets"
    ),
    "a repair takes stored numbers of types on trust": lua(
        "repair_types", " and stored[3] == session_types.checksum(stored[1] or '', stored[2] or '')", "", REPAIR
    ),
    "a repair numbers types anew": lua("repair_types", "known[name] = unused + at", "known[name] = at", REPAIR),
    "a session set aside comes back with another type": lua(
        "repair_aside", "field, without_type(job, record))", "field, record)", REPAIR
    ),
    "a repair that begins anew does not know the types": lua(
        "repair_totals", "  cache.store(fleet) -- a repair that", "  -- a repair that", REPAIR
    ),
    "a repair guesses no numbers": lua(
        "repair_types", "stored[2] or '', in_order(", "stored[2] or '', tostring(", REPAIR
    ),
    "a repair forgets types whose key has another type": lua(
        "repair_begin", "    repair_types.drop_unreadable(string.sub(key, 1, -6))\n", "", REPAIR
    ),
    "a repair keeps counters of types that cannot be": lua(
        "repair_totals", "  repair_types.finish(fleet)\n", "", REPAIR
    ),
    "a repair loses the assigned sessions of types": lua(
        "type_changes", "assigned[fleet.types.names[kind]] or 0", "0", REPAIR
    ),
    "an audit does not look for types that are gone": lua(
        "audit_types", "if number and not kind then", "if false then", AUDIT
    ),
    "the wrong types decide a change of the window": lua(
        "fleets", "if totals_differ or types_differ then", "if totals_differ then", CHANGES
    ),
    "a PUT that widens the set of a type in use is refused": lua(
        "type_changes", "classes[name] and not set[name] and name or nil", "name", TRAFFIC
    ),
    "a change of types forgets the sessions that there are": lua(
        "type_changes", "kind and former[(kind - 1)", "false and former[(kind - 1)", TRAFFIC
    ),
    "any policy takes session types": python("core/fleet", "if not policy.takes_types:", "if False:", "core/fleet"),
    "any order takes session types": python("core/fleet", "if not order.by_marginal:", "if False:", "core/fleet"),
    "the specification forgets that equal marginals may differ by 1": python(PRICES, "TIE = 2", "TIE = 1", PRICES),
    "the specification counts those who sit well": python(
        PRICES, " - sum(self.load.inside[kind][c] for c in others)", " - 0 * len(list(others))", PRICES
    ),
    "the specification asks the price of a single class": python(
        PRICES, "        if mine is None:\n            return None\n", "        mine = mine or 0\n", PRICES
    ),
    "the bound takes the first filling": python(BOUND, "        if short is None:", "        if True:", BOUND),
}
