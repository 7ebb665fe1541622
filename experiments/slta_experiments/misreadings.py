"""Planted misreadings of section 3.2, to test that the measurements detect them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slta.core.policies import slta
from slta.core.policies.choice import NOTHING, Choice
from slta_experiments.engine.compiling import inner
from slta_experiments.engine.dispatch import DispatchOrder, Memory, Policy, count_tokens, slta_policy
from slta_experiments.engine.state import State


@inner
def count_again(state: State, order: DispatchOrder, memory: Memory, yellow: int) -> int:  # noqa: ARG001 - the misreading
    """Count the tokens after the session was placed."""
    return count_tokens(state, order, memory)


@inner
def choose_any_green(
    green: Sequence[int],
    yellow: int,
    yellow_class: int,
    previous_class: int,  # noqa: ARG001 - the misreading
    room: Sequence[int],
    draw: float,
) -> Choice:
    """Choose among the green tokens of all classes; step 1 excludes no class."""
    return slta.choose(green, yellow, yellow_class, NOTHING, room, draw)


@inner
def next_rank_late(
    rank: int, last_rank: int, green: Sequence[int], yellow: int, previous_class: int, min_green: int
) -> int:
    """r ← r + 1 only without yellow tokens, not at the last one."""
    return slta.next_rank(rank, last_rank, green, yellow + 1, previous_class, min_green)


MISREADINGS: Mapping[str, Policy] = {
    "tokens counted after the dispatch": slta_policy(judged=count_again),
    "no priority among green classes": slta_policy(choose=choose_any_green),
    "increment only at zero yellow": slta_policy(next_rank=next_rank_late),
}
