"""Weights are right for the load they were tuned for, and for no other."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest

from slta.core.fleet import FleetSpec
from slta.core.optimum import optimum
from slta.core.policies import POLICIES
from slta.core.session_types.bound import bound
from slta.core.utility import (
    CappedLinearUtility,
    LinearUtility,
    PoolClass,
    QuadraticUtility,
    WeightedLeastConnectionsUtility,
)
from slta_demo.fixed_weights import NO_WEIGHT, FixedWeights

POOLS = (50, 25, 25)
SATURATING = FleetSpec(
    (
        PoolClass("linear", LinearUtility(Fraction(1)), 100),
        PoolClass("quadratic", QuadraticUtility(Fraction(2), Fraction(-1, 20)), 100),
        PoolClass("capped", CappedLinearUtility(Fraction(3, 2), Fraction(20)), 100),
    )
)
"""Figure 3, right, with capacities that are never reached."""


def loss(weights: FixedWeights, spec: FleetSpec, pools: tuple[int, ...], sessions: float) -> float:
    """Gap to the optimum as a fraction of it."""
    best = optimum(spec.ranking, pools, sessions)
    assert best is not None
    return 1 - weights.utility(pools, [sessions]) / best.utility


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        # The optimum at 5 holds 5 and 15 sessions, so the weights are 0, 5, 15: at load ρ they hold ρ and 3ρ.
        # Δ of the second class, 2 − (2x+1)/20, is at least 3/2 up to 5 sessions, at least 1 up to 10.
        # ρ = 2: (2·2 − 4/20 + 3/2·6)/4 = 3.20 of the optimum's (2·5 − 25/20 + 3/2·3)/4 = 3.3125.
        (2, 1 - 3.20 / 3.3125),
        (5, 0.0),
        # ρ = 8: (2·8 − 64/20 + 30)/4 = 10.70 of 1/2 + (2·10 − 100/20 + 30)/4 = 11.75.
        (8, 1 - 10.70 / 11.75),
        # ρ = 12: (2·12 − 144/20 + 30)/4 = 11.70 of 9/2 + 45/4 = 15.75.
        (12, 1 - 11.70 / 15.75),
    ],
)
def test_weights_tuned_at_load_5_lose_at_other_loads(load: int, expected: float) -> None:
    weights = FixedWeights(SATURATING, POOLS, [500])
    assert weights.weights == [NO_WEIGHT, 5, 15]
    assert loss(weights, SATURATING, POOLS, load * 100) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("load", "percent"), [(2, 3), (8, 9), (12, 26)])
def test_the_losses_in_whole_percent(load: int, percent: int) -> None:
    weights = FixedWeights(SATURATING, POOLS, [500])
    assert round(100 * loss(weights, SATURATING, POOLS, load * 100)) == percent


def test_a_class_without_weight_takes_what_no_other_can() -> None:
    classes = tuple(PoolClass(c.name, c.utility, 20) for c in SATURATING.classes)
    weights = FixedWeights(FleetSpec(classes), POOLS, [500])
    full_others = weights.utility(POOLS, [25 * 20 * 2])
    assert weights.utility(POOLS, [25 * 20 * 2 + 50]) == pytest.approx(full_others + 50)


def test_where_curves_are_weights_nothing_is_lost_at_any_load() -> None:
    curves = (WeightedLeastConnectionsUtility(Fraction(w)) for w in (1, 2))
    spec = FleetSpec(tuple(PoolClass(name, curve, 100) for name, curve in zip("ab", curves, strict=True)))
    weights = FixedWeights(spec, (10, 10), [300])
    assert loss(weights, spec, (10, 10), 600) == pytest.approx(0.0, abs=1e-12)


def test_an_empty_fleet_has_no_utility() -> None:
    assert FixedWeights(SATURATING, (0, 0, 0), [0]).utility((0, 0, 0), [0]) == 0


def of_types(**session_types: Sequence[str]) -> FleetSpec:
    return FleetSpec(SATURATING.classes, POLICIES["jlmu"], session_types=session_types)


def test_sessions_of_a_type_use_only_its_classes() -> None:
    """100 sessions on the 50 pools of slope 1, the others on 25 pools of slope 3/2 up to 20."""
    spec = of_types(plain=["linear"], rich=["capped"])
    weights = FixedWeights(spec, POOLS, [0, 100, 500])
    assert weights.weights == [2, NO_WEIGHT, 20]
    assert weights.utility(POOLS, [0, 100, 250]) == pytest.approx(100 + 250 * 1.5)
    assert weights.utility(POOLS, [0, 100, 1000]) == pytest.approx(100 + 25 * 20 * 1.5)


def test_weights_are_the_optimum_of_the_types_at_the_load_they_are_tuned_for() -> None:
    spec = of_types(plain=["linear", "quadratic"])
    for sessions in ([400, 100], [100, 400], [0, 900]):
        best = bound(spec.type_sets, spec.ranking, POOLS, sessions).utility
        assert FixedWeights(spec, POOLS, sessions).utility(POOLS, sessions) == pytest.approx(best, abs=1e-9)
