"""The choice of a class by marginal utility less price."""

from __future__ import annotations

import random

import pytest

from slta.core.policies import jlmu
from slta.core.policies.choice import NOTHING
from slta.core.session_types.market import Load, Market, market_of, offered
from slta.core.session_types.prices import choose, coming_of, found_by, quote
from slta.core.session_types.sets import TypeSets, everywhere
from tests import naive_types
from tests.core.session_types.worlds import World, fill, world

# Class 0 adds 10 a session, class 1 adds 6; each has one pool of capacity 4. Type 0 may use class 0 only.
NESTED = TypeSets(((0,), (0, 1)))
FLAT = [[10] * 4, [6] * 4]
NOBODY = [[0, 0], [0, 0]]
"""Sits well in another class."""


def flat(load: Load, sets: TypeSets = NESTED) -> Market:
    """With one pool of each class of FLAT."""
    return market_of(sets, [[1, 2, 3, 4], [5, 6, 7, 8]], load.held, FLAT, load)


def price(kind: int, pool_class: int, load: Load, sets: TypeSets = NESTED) -> float | None:
    found = quote(flat(load, sets), kind, pool_class)
    return found.amount if found.needy else None


def test_a_price_is_what_the_place_is_worth_to_the_needy_times_the_chance_that_they_take_all_such_places() -> None:
    # Type 0 finds nothing but class 0 and, once it is full, 0: it loses 10. R = 1 / 4, two holes: (1/4)^(3/4) / 3.
    expected = 10 * 0.25**0.75 / 3
    assert price(1, 0, Load([1, 1], sessions=[1, 1], held=[2, 0], inside=NOBODY)) == pytest.approx(expected)


# Class 0 adds 9 a session, class 1 adds 5 and then 3, class 2 adds 1. Type 0 may use the first two, type 1 all.
CHAIN = [[9] * 4, [5, 5, 3, 3], [1] * 4]


@pytest.mark.parametrize(
    ("low", "inside", "expected"),
    [
        (4, [4, 1, 0], (3, 1)),  # a full class: its last level is worth 9, and the other finds 3
        (4, [5, 0, 0], (3, 0)),
        (0, [4, 1, 0], (9, 1)),  # an empty pool: the other finds 9 itself
    ],
)
def test_sessions_at_home_elsewhere_are_not_counted(low: int, inside: list[int], expected: tuple[int, int]) -> None:
    load = Load([1, 1, 1], [5, 0], [4, 1, 0], [inside, [0, 0, 0]])
    ranks = [range(1, 5), range(5, 9), range(9, 13)]
    at = market_of(TypeSets(((0, 1), (0, 1, 2))), ranks, [low, 1, 0], CHAIN, load)
    assert (found_by(at, 0, 1, after=3), coming_of(at, 0, 1, theirs=3)) == expected


def test_a_price_refuses_nobody() -> None:
    assert choose(flat(Load([1, 1], [3, 4], [3, 4], NOBODY)), 1) == (0, 10)
    assert choose(flat(Load([1, 1], [4, 0], [4, 0], NOBODY)), 0) == (NOTHING, 0)


def jlmus(at: World, classes: tuple[int, ...]) -> int:
    ranks = [rank if c in classes else 0 for c, rank in enumerate(at.market.rank)]
    return jlmu.choose(ranks, [int(rank > 0) for rank in ranks], 0).pool_class


@pytest.mark.parametrize("same", ["one type", "equal sets"])
def test_if_all_may_use_the_same_classes_the_choice_is_jlmus(same: str) -> None:
    for seed in range(300):
        rng = random.Random(seed)
        at = world(rng)
        own = rng.choice(at.sets.classes)
        at.sets = everywhere(len(at.marginals)) if same == "one type" else TypeSets((own,) * len(at.flow))
        fill(rng, at, rng.randint(0, 30))
        kind = rng.randrange(len(at.sets.classes))
        assert choose(at.market, kind)[0] == jlmus(at, at.sets.classes[kind])


@pytest.mark.parametrize("seeds", [range(500), pytest.param(range(500, 50_000), marks=pytest.mark.campaign)])
def test_the_naive_implementation_chooses_the_same_class_by_the_same_bits(seeds: range) -> None:
    prices = 0
    for seed in seeds:
        rng = random.Random(seed)
        at = world(rng)
        fill(rng, at, rng.randint(0, 40))
        at.weight, at.reserve = rng.choice((1, 1, 10)), rng.choice((0, 0.3, 0.5, 2))
        ranks = {at_: at.ranking.rank(at_) for at_ in at.ranking.order}
        fleet = naive_types.Fleet(
            list(map(set, at.sets.members)), at.columns, at.marginals, at.sessions, at.flow, at.columns
        )
        for kind, own in enumerate(at.sets.classes):
            market = at.market
            chosen, _ = choose(market, kind)
            expected = naive_types.choice(kind, fleet, ranks, at.reserve)
            assert chosen == (NOTHING if expected is None else expected)
            for c in (c for c in own if market.rank[c]):
                amount = quote(market, kind, c).amount
                assert (offered(market, c) - max(amount, 0.0), amount >= 0) == naive_types.score(kind, c, fleet)
                prices += amount >= 0
    assert prices > len(seeds) // 10
