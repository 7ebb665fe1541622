"""Mistakes in a plan: in its programme, in its simulation, and in the search between both."""

from __future__ import annotations

from tests.mutants.planting import Mutant


def typed(module: str, right: str, wrong: str, test: str) -> Mutant:
    return Mutant(
        f"planning/slta_planning/plan/session_types/{module}.py",
        right,
        wrong,
        (f"tests/planning/test_typed_{test}.py",),
    )


MUTANTS = {
    "a floor out of reach of the rounds is denied": Mutant(
        "planning/slta_planning/plan/finding.py",
        "return [*rounds, *_larger(search, lambda times: search.cheapest(floors, [], times), floors)]",
        "return rounds",
        ("tests/planning/test_plan_command.py",),
    ),
    "flows go to every class": typed(
        "solving",
        "(market.sets.classes) for c in own]",
        "(market.sets.classes) for c in range(len(market.costs))]",
        "solving",
    ),
    "a class has room for a session a pool": typed("solving", "c, -size / total)", "c, -1.0 / total)", "solving"),
    "a pool adds nothing to what its sessions are worth": typed(
        "solving", "-worth / largest / total", "-0.0 * worth", "solving"
    ),
    "a union of sets has room for all who may use it": typed(
        "market", "if own <= union]", "if own & union]", "solving"
    ),
    "a plan is simulated without prices": typed("playing", '"price", workload', '"JLMU", workload', "search"),
    "a run's own sessions count as the load": typed(
        "playing", "found.utility - float(", "found.utility - 0 * float(", "search"
    ),
    "a floor is held against the bound": typed(
        "playing", "        return self.played.mean\n", "        return self.bound\n", "search"
    ),
    "refusals are not held against anything": typed(
        "search", "return hour.refused > self.refused", "return False", "search"
    ),
    "a fleet is demanded that there is": typed("search", "loads, step) + times)", "loads, step))", "search"),
    "the dearest type that may use a class bounds its worth": typed("search", "[min(users)]", "[max(users)]", "search"),
    "a fleet with more pools than one that missed is dropped": typed(
        "search", "all(a <= b for", "all(a >= b for", "search"
    ),
    "a share is of what any class adds": typed(
        "loads", "floor.of_a_session([columns[c] for c in own])", "floor.of_a_session(columns)", "plan_command"
    ),
    "a type without a load has none": typed(
        "loads", "if name not in found and name != DEFAULT_TYPE]", "if name == 0]", "plan_command"
    ),
}
