"""The next placement, on states that are written down by hand, in words and figures."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import pytest

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.core.policies.steps import no_steps
from slta.core.utility import PoolClass, WeightedLeastConnectionsUtility
from slta.models import TypeSnapshot
from slta.models.errors import UnknownSessionTypeError
from slta.views.next_placement import NextPlace, NextPlacement, next_placement
from tests.views.test_views import SPEC, snapshot


def following(a: list[int], b: list[int], rank: int, spec: FleetSpec = SPEC) -> NextPlacement:
    """u_a = 4, 7, 9; u_b = 3, 5: the order is (a,1) 4, (a,2) 3, (b,1) 3, (a,3) 2, (b,2) 2."""
    return next_placement(snapshot(a, b, rank=rank), spec)


def test_a_session_that_goes_to_the_best_place() -> None:
    """a holds 1 and 0, b nothing; r = 2 and (a, 1) just before: the one green token is a's second pool."""
    seen = following([2, 1], [2], rank=2)
    assert (seen.decides, seen.token, seen.refused) == (2, "green", None)
    assert [(step.token, step.pools) for step in seen.steps] == [("green", 0), ("green", 1), ("yellow", 2), ("none", 4)]
    assert seen.places == [NextPlace(pool_class="a", level=1, pools=1, marginal_utility=4.0)]
    assert [(place.pool_class, place.marginal_utility) for place in seen.best_places] == [("a", 4.0), ("b", 3.0)]
    assert seen.sentence == (
        "The next session goes to a pool of a, at level 1, and adds 4. SLTA, step 2: a green token of a, which ranks "
        "just before r. No place adds more."
    )


def test_a_session_that_could_be_worth_more_elsewhere() -> None:
    """Nobody is green at r = 1; a's second pool, still empty, is yellow. At r = 3 all below their thresholds are."""
    seen = following([2, 1], [2], rank=4)
    assert seen.sentence == (
        "The next session goes to one of 2 pools, 1 of a at level 1, 1 of a at level 2, and adds 3 to 4. SLTA, step 1: "
        "a green token of a class other than b, which ranks just before r. The best place, at level 1 of a, adds 4."
    )


def test_equal_pools_of_one_class_are_told_once() -> None:
    """a holds 0 and 0; at r = 1 both are yellow."""
    assert following([2], [2], rank=1).sentence == (
        "The next session goes to one of 2 pools of a, at level 1, and adds 4. SLTA, step 3: a yellow token. No place "
        "adds more."
    )


def test_the_draw_among_all_pools_is_told_with_a_few_places() -> None:
    """r = 1 with a at 1 and 2, b at 0, 1 and 1: no token anywhere."""
    seen = following([2, 2, 1], [3, 2], rank=1)
    assert (seen.decides, seen.token) == (4, "none")
    assert "one of 5 pools, 1 of a at level 2, 1 of a at level 3, 1 of b at level 1 and 1 more places" in seen.sentence


def test_a_fleet_without_room_and_one_without_pools() -> None:
    full, empty = following([1, 1, 1, 1], [0], rank=4), following([0], [0], rank=0)
    assert (full.refused, empty.refused) == ("no_capacity", "no_active_pool")
    for seen in (full, empty):
        assert (seen.steps, seen.decides, seen.token, seen.places, seen.best_places) == ([], None, None, [], [])
        assert seen.sentence == "The next session would be rejected: no active pool has room."


def test_a_policy_that_explains_nothing_has_the_best_places_all_the_same() -> None:
    silent = dataclasses.replace(SPEC, policy=dataclasses.replace(POLICIES["jlmu"], title="Silent", explain=no_steps))
    seen = following([2, 1], [2], rank=2, spec=silent)
    assert (seen.steps, seen.decides, seen.token, seen.places) == ([], None, None, [])
    assert (
        seen.sentence == "Silent does not predict where the next session goes. The best place, at level 1 of a, adds 4."
    )


def test_figures_in_words_have_a_true_minus_sign() -> None:
    """Weighted least connections: Δ(x) = −(x + 1) / 2."""
    losing = PoolClass("a", WeightedLeastConnectionsUtility(Fraction(2)), 3)
    spec = dataclasses.replace(SPEC, classes=(losing, SPEC.classes[1]))
    assert "and adds −0.5. " in following([2], [0], rank=1, spec=spec).sentence


TYPED = FleetSpec(SPEC.classes, policy=POLICIES["jlmu"], session_types={"narrow": ["a"]}, reserve=0)


def typed(a: list[int], b: list[int], narrow: int, session_type: str = "default", reserve: float = 0) -> NextPlacement:
    """Sessions of `narrow` may use a only."""
    types = [
        TypeSnapshot(name=name, sessions=sum(inside), inside=inside, other_sessions=0, assigned=0, refused={})
        for name, inside in (("default", [sum(a[1:]) - narrow, sum(b[1:])]), ("narrow", [narrow, 0]))
    ]
    seen = snapshot(a, b, types=types)
    return next_placement(seen, dataclasses.replace(TYPED, reserve=reserve), session_type)


def test_a_place_that_others_need_has_a_price() -> None:
    """One place of a is left, worth 2, where `narrow` has nothing else; b's first is worth 3, its second 2.

    With b's pool at one session both offers are worth 2, and a ranks first. Without the place of a `narrow` has
    nothing: R = 2 / 3 sessions of `narrow` for 3 places down to the last level, 1 hole: 2 (2 / 3)^(3 / 8) · 2 / 3.
    """
    seen = typed([1, 1, 1], [1, 1], narrow=2)
    a, b = seen.offers
    assert (a.pool_class, a.needy_types, a.needy_sessions, a.room, a.holes) == ("a", ["narrow"], 2, 3, 1)
    assert a.needed == pytest.approx(2 / 3)
    assert a.price == pytest.approx(2 * (2 / 3) ** (3 / 8) * 2 / 3)
    assert (b.pool_class, b.price, b.needed) == ("b", 0, None)
    assert [place.pool_class for place in seen.places] == ["b"]
    assert ", places being left to narrow. No place adds more." in seen.sentence


def test_the_last_places_are_kept_for_those_who_have_no_other_class() -> None:
    """Eight of a's nine places are free, worth 4 and less, and b's first 3: 8 ≤ 4 (1 + √2)."""
    seen = typed([3, 1], [2, 0], narrow=1, reserve=4)
    assert [(offer.pool_class, offer.kept_for) for offer in seen.offers] == [("a", ["narrow"]), ("b", [])]
    assert [place.pool_class for place in seen.places] == ["b"]
    assert ", the last places being kept for narrow. The best place, at level 1 of a, adds 4." in seen.sentence
    for alone in (typed([3, 1], [0], 1, reserve=4), typed([3, 1], [2, 0], 1, "narrow", reserve=4)):
        assert [(offer.pool_class, offer.kept_for) for offer in alone.offers] == [("a", [])]


def test_a_price_that_changes_nothing_leaves_no_places() -> None:
    """a's first level is worth 4, b's 3. Two of a's three are free, so that the chance is small."""
    seen = typed([3, 1], [2, 0], narrow=1)
    a, _ = seen.offers
    assert a.price > 0
    assert [place.pool_class for place in seen.places] == ["a"]
    assert "left to" not in seen.sentence
    assert f"; its price of {a.price:.4g}, for narrow, changes nothing. No place adds more." in seen.sentence


def test_the_needy_pay_no_price_and_see_their_classes_only() -> None:
    seen = typed([1, 1, 1], [1, 1], narrow=2, session_type="narrow")
    assert [(offer.pool_class, offer.price) for offer in seen.offers] == [("a", 0)]
    assert [place.pool_class for place in seen.best_places] == ["a"]
    assert seen.session_type == "narrow"


def test_a_type_is_refused_where_its_classes_are_full_or_without_pools() -> None:
    assert typed([1, 1, 1, 1], [1], narrow=3, session_type="narrow").refused == "no_capacity"
    assert typed([0], [1], narrow=0, session_type="narrow").refused == "no_active_pool"
    assert typed([0], [1], narrow=0).refused is None


def test_a_refusal_of_a_type_names_it_as_other_classes_may_have_room() -> None:
    assert typed([1, 1, 1, 1], [1], narrow=3, session_type="narrow").sentence == (
        "The next session would be rejected: no active pool of the classes that sessions of type narrow may use has "
        "room."
    )


def test_an_unknown_type_is_told_with_those_that_exist() -> None:
    with pytest.raises(UnknownSessionTypeError) as raised:
        typed([1], [1], narrow=0, session_type="other")
    assert raised.value.context == {"session_type": "other", "session_types": "default narrow"}


def test_without_types_there_is_neither_a_type_nor_a_price() -> None:
    seen = next_placement(snapshot([1], [1]), SPEC)
    assert (seen.session_type, seen.offers) == (None, [])
