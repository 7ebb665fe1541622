"""Planted misreadings of slta-greedy; the tests that compare it with its specification must notice each."""

from __future__ import annotations

from tests.mutants.planting import Mutant, lua_file

DECISIONS = "test_a_naive_implementation_from_the_definitions_agrees_with_both[embedded-slta-greedy]"
TESTS = ("tests/store/test_slta_greedy.py", f"tests/store/test_decisions.py::{DECISIONS}")


def lua(module: str, right: str, wrong: str) -> Mutant:
    return Mutant(lua_file(module), right, wrong, TESTS)


MUTANTS = {
    "greedy: r waits for a green token of its class": lua(
        "slta_greedy",
        "tokens.learning_step(fleet, fleet.rank > 1)",
        "tokens.learning_step(fleet, fleet.rank > 1 and fleet.green[fleet.previous_class] > 0)",
    ),
    "greedy: no order among classes": lua(
        "slta_greedy",
        "  local best, best_rank = 0, math.huge\n",
        "  local first, nth = choice.pick(green, 0, draw)\n"
        "  if first then\n    return 'green', first, nth\n  end\n"
        "  local best, best_rank = 0, math.huge\n",
    ),
    "greedy: the worst class first": lua(
        "slta_greedy", "rank_of(class_index) < best_rank", "-rank_of(class_index) < best_rank"
    ),
    "greedy: no step 0": lua(
        "slta_greedy", "if view.yellow == 0 and vectors.sum(view.green) == 0 then", "if false then"
    ),
    "greedy: step 0 only once": lua(
        "slta_greedy", "tokens.rise_to(fleet, best_open_rank(view))", "tokens.rise_to(fleet, fleet.rank + 1)"
    ),
    "greedy: step 0 counts as one step": lua(
        "tokens",
        "fleet.learning_steps_up = fleet.learning_steps_up + rank - fleet.rank",
        "fleet.learning_steps_up = fleet.learning_steps_up + 1",
    ),
    "greedy: r is judged before step 0": lua(
        "placements",
        "  policies.call(fleet, 'prepare', view)\n  local step = policies.call(view, 'learning_step')\n",
        "  local step = policies.call(view, 'learning_step')\n  policies.call(fleet, 'prepare', view)\n",
    ),
}
