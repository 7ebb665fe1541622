"""A fleet's configuration: its limits and its compiled tables."""

from __future__ import annotations

import pytest

from slta.core.fleet import FleetSpec
from slta.core.orders import PAPER, Index, Order
from slta.core.policies import POLICIES
from slta.core.utility import PoolClass
from tests.core.curves import linear, log_share


def classes(*capacities: int) -> tuple[PoolClass, ...]:
    return tuple(PoolClass(f"class {i}", linear(1), c) for i, c in enumerate(capacities))


@pytest.mark.parametrize("largest", [classes(*[1] * 64), classes(4096), classes(4096, 4096, 4096, 4096)])
def test_a_fleet_may_be_as_large_as_its_limits(largest: tuple[PoolClass, ...]) -> None:
    # 64 classes, a capacity of 4096, 16,384 levels in all.
    assert FleetSpec(largest).classes == largest


@pytest.mark.parametrize(
    ("beyond", "message"),
    [
        ((), "1 to 64 classes, not 0"),
        (classes(*[1] * 65), "1 to 64 classes, not 65"),
        (classes(4097), "capacity must be at most 4096"),
        (classes(4096, 4096, 4096, 4096, 1), "add up to at most 16384"),
        (classes(1) * 2, "class names must differ"),
    ],
)
def test_a_fleet_beyond_a_limit_is_refused_with_the_limit(beyond: tuple[PoolClass, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FleetSpec(beyond)


@pytest.mark.parametrize(
    ("policy", "order", "alternative"),
    [
        ("slta", PAPER, "use jlmu or observe"),
        ("slta-greedy", PAPER, "use jlmu or observe"),
        ("jlmu", Index(1), "use kind paper or kink"),
        ("observe", Index(1), "use kind paper or kink"),
    ],
)
def test_what_takes_no_session_types_is_refused_with_what_does(policy: str, order: Order, alternative: str) -> None:
    with pytest.raises(ValueError, match=alternative):
        FleetSpec(classes(1), POLICIES[policy], order=order, session_types={"video": ["class 0"]})
    FleetSpec(classes(1), POLICIES[policy], order=order)


@pytest.mark.parametrize("policy", ["slta", "slta-greedy", "observe"])
def test_places_are_kept_for_priority_under_jlmu_only(policy: str) -> None:
    with pytest.raises(ValueError, match=f"policy {policy} keeps no places: use jlmu"):
        FleetSpec(classes(1), POLICIES[policy], reserve_for_priority=1)
    FleetSpec(classes(1), POLICIES["jlmu"], reserve_for_priority=1)


def test_one_fleet_has_the_order_it_dispatches_by_and_the_integers_it_is_counted_in() -> None:
    # r = (5, 20) tie at log 5: (0,1) and (1,2) dispatch in this order, and count the same in integers.
    log_shares = (PoolClass(f"r = {r}", log_share(r), 3) for r in (5, 20))
    spec = FleetSpec(tuple(log_shares))
    assert spec.class_names() == ["r = 5", "r = 20"]
    assert spec.ranking.order[:3] == ((1, 1), (0, 1), (1, 2))
    assert spec.integers.marginals[0][0] == spec.integers.marginals[1][1]
    assert spec.bound_ranking.order == spec.integers.order == spec.ranking.order
    assert spec.ranking is spec.ranking
