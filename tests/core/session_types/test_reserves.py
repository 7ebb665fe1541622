"""The reserve of a class: from whom its last free places are kept, and how many."""

from __future__ import annotations

import pytest

from slta.core.session_types.market import Load, Market, market_of
from slta.core.session_types.prices import choose
from slta.core.session_types.reserves import is_kept
from slta.core.session_types.sets import TypeSets

NESTED = TypeSets(((0,), (0, 1)))
"""Type 0 has no other class."""


def market(free: int, present: int, now: int, mine: int, reserve: float = 0.5, sets: TypeSets = NESTED) -> Market:
    """Class 0 adds `now` and has one pool with `free` places, class 1 adds `mine`; `present` sessions are of type 0."""
    load = Load([1, 1], sessions=[present, 0], held=[present, 0], inside=[[present, 0], [0, 0]])
    marginals = [[now] * (present + free), [mine]]
    ranks = [range(1, present + free + 1), [present + free + 1]]
    return market_of(sets, ranks, [present, 0], marginals, load, reserve)


@pytest.mark.parametrize(
    ("present", "now", "mine", "places"),
    [
        (8, 8, 6, 2),  # ½ (1 + √9)
        (0, 8, 6, 1),  # ½ (1 + √1): also while no session of the type is present
        (8, 19, 1, 1),  # ½ √(8 · 9 · 1 / 18), a bound that is reached
        (8, 20, 1, 0),
        (8, 8, 0, 0),
        (8, 6, 8, 2),  # nothing is lost while the place is idle
    ],
)
def test_the_last_places_are_kept_as_far_as_the_others_alternative_is_worth_it(
    present: int, now: int, mine: int, places: int
) -> None:
    kept = [free for free in range(1, 6) if is_kept(market(free, present, now, mine), 1, 0)]
    assert kept == list(range(1, places + 1))


def test_nothing_is_kept_from_a_session_without_another_class() -> None:
    assert not is_kept(market(1, 8, 8, 6), 0, 0)


def test_nothing_is_kept_for_types_that_have_another_class() -> None:
    assert not is_kept(market(1, 8, 8, 6, sets=TypeSets(((0, 1), (0, 1)))), 1, 0)


def test_a_place_that_would_be_kept_for_next_to_nothing_is_given() -> None:
    """At most ½ √(8 · 9 · 20 / 980) = 0.6 places."""
    assert choose(market(1, 8, 1000, 20), 1)[0] == 0


def test_the_short_cut_of_many_free_places_keeps_what_the_rule_keeps() -> None:
    """All sessions are of the type that is alone: 1 + √9 = 4 places."""
    assert is_kept(market(4, 8, 8, 6, reserve=1.0), 1, 0)
