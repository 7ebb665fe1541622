"""Planted mistakes in what is observed of session types."""

from __future__ import annotations

from tests.mutants import planting
from tests.mutants.planting import Mutant
from tests.mutants.refusing import lua, python

AVERAGES, VIEWS = "store/type_averages", "views/session_types"

MUTANTS: dict[str, Mutant] = {
    "a drain does not settle the sessions of types": lua(
        "type_counts", "    if count > 0 then\n      settle(fleet, kind)\n", "    if count > 0 then\n", AVERAGES
    ),
    "the assigned are not counted by type": lua(
        "placements",
        "fleet.type_assigned[kind] = fleet.type_assigned[kind] + 1",
        "fleet.type_assigned[kind] = fleet.type_assigned[kind]",
        AVERAGES,
    ),
    "a repair forgets the assigned by type": lua("type_counts", "    fleet.type_assigned = assigned\n", "", AVERAGES),
    "an interval forgets the pools before a change": lua(
        "accounting", "(sums[class_index] or 0) + pools * elapsed", "pools * elapsed", AVERAGES
    ),
    "an interval has the optimum since another moment": lua(
        "intervals",
        "fleet.interval_optimum_high, fleet.interval_optimum_low = fleet.optimum_high, fleet.optimum_low",
        "fleet.interval_optimum_high, fleet.interval_optimum_low = 0, 0",
        AVERAGES,
    ),
    "an interval is added whatever its name": lua("intervals", "named == name(fleet) and ", "", AVERAGES),
    "an interval is added twice": lua("intervals", "excess)\n    fleet.waiting = {}\n", "excess)\n", AVERAGES),
    "a closed interval is lost while one waits": lua("intervals", "not fleet.waiting[1] and ", "", AVERAGES),
    "the open interval does not count": lua(
        "intervals", "fleet.time > fleet.interval_since and", "false and", AVERAGES
    ),
    "a change of curves goes on with the interval": lua("fleets", "    intervals.restart(fleet)\n", "", AVERAGES),
    "an interval that waits does not count": python(
        "store/snapshots", "for numbers in parts[1:])", "for numbers in parts[2:])", AVERAGES
    ),
    "an interval may have less than without types": python(
        "core/session_types/intervals", "max(0.0, interval", "(interval", AVERAGES
    ),
    "the bound by intervals may be above that of the means": python(
        "core/gaps", "types.momentary_optimum, of_types)", "types.momentary_optimum)", AVERAGES
    ),
    "the integral of the bound is that without types": python(
        "metrics/families",
        "integrals.types.compatibility if integrals.types else (0.0, 0.0)",
        "(0.0, 0.0)",
        "metrics/session_types",
    ),
    "the refused of a type are those of the type before": lua(
        "reads", "        counts[kind] = tonumber", "        counts[kind - 1] = tonumber", AVERAGES
    ),
    "the mean optimum lets sessions leave their classes": python(
        "core/gaps", "min(momentary, types.momentary_optimum, of_types)", "momentary", AVERAGES
    ),
    "the bound lets sessions leave their classes": python(
        "core/gaps", "best.utility if of_types is None else of_types", "best.utility", VIEWS
    ),
    "the state's bound lets sessions leave their classes": python(
        "views/state", "of_types.utility if of_types else spec", "spec", VIEWS
    ),
    "integrals lose their types on the way": python(
        "views/integrals", "types=_type_integrals(pairs[len(pools) :])", "types=None", VIEWS
    ),
    "integrals with and without types are compared": python(
        "views/averages", "or _shape(newer) != _shape(older)", "", VIEWS
    ),
    "reports in other classes count as refused": python(
        "views/session_types",
        'one.refused["no_capacity"] + one.refused["no_active_pool"]',
        "sum(one.refused.values())",
        VIEWS,
    ),
    "an explained price forgets who is needy": python(
        "core/session_types/prices", "types.append(t)", "pass", "views/next_placement"
    ),
    "places are left though no price changed the choice": python(
        "views/next_placement",
        "takewhile(lambda offer: offer.pool_class != chosen, offers)",
        "offers",
        "views/next_placement",
    ),
    "a type that has room is told to have none": python(
        "core/session_types/bound",
        "tuple(sorted(short[1])) if short",
        "tuple(range(len(types))) if short",
        "core/session_types/bound",
    ),
    "an explained place may be in any class": python(
        "views/next_placement", "if place.pool_class in own]", "]", "views/next_placement"
    ),
    "a refused type reads as a full fleet": python(
        "views/next_placement",
        'may use" if session_type else ""',
        'may use" if not session_type else ""',
        "views/next_placement",
    ),
    "a load without a type is all of the default one": python(
        "views/what_if", "shares = present if sum(present) else", "shares = present if not present else", VIEWS
    ),
    "a report counts the rejected of a type as placed": planting.python(
        "loadgen/slta_loadgen",
        "loadgen",
        "run_report",
        "self.session_types[session_type][result] += 1",
        'self.session_types[session_type]["placed"] += 1',
        "cli",
    ),
    "fixed weights are tuned for sessions that may use all classes": planting.python(
        "demo/slta_demo",
        "demo",
        "fixed_weights",
        "held = bound(spec.type_sets, spec.ranking, pools, sessions)",
        "held = bound(type(spec.type_sets)((spec.type_sets.classes[0],)), spec.ranking, pools, [sum(sessions)])",
        "fixed_weights",
    ),
    "fixed weights place sessions in classes that their type may not use": planting.python(
        "demo/slta_demo",
        "demo",
        "fixed_weights",
        "held = bound(self._sets, self._fill, pools, sessions)",
        "held = bound(type(self._sets)((self._sets.classes[0],)), self._fill, pools, [sum(sessions)])",
        "fixed_weights",
    ),
}
