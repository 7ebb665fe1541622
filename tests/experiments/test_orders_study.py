"""The study of orders: its fleets are full of ties, and it counts what it measured."""

from __future__ import annotations

from typing import Any

import pytest

from lab.studies import orders
from lab.studies.orders import FLEETS, LARGEST, Trial, count_of, measure, row_of, small_orders, tied_fleet
from lab.studies.small import TIED
from slta.core.orders import Index, Kink
from slta.core.ranking import tied
from tests.inventory import each


@each("number", range(FLEETS))
def test_every_fleet_of_the_draw_has_ties_that_kinks_move_and_pools_as_stated(number: int) -> None:
    shape, n, load = tied_fleet(number)
    assert min(6, sum(shape.shares)) <= n <= LARGEST + sum(shape.shares)
    assert sum(shape.pools(n)) == n
    assert 0 < load < min(shape.capacities)
    between = [group for group in tied(shape.classes, shape.ranking.order) if len({c.pool_class for c in group}) > 1]
    assert sum(map(len, between)) > len(shape.ranking) / 4
    assert sorted(shape.arranged(Kink()).order) == sorted(shape.ranking.order)


def test_both_orders_meet_the_same_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "POOL_TIME", 200.0)
    results = [measure(Trial(1, seed)) for seed in range(3)]
    row = row_of(1, results)
    assert row["JLMU"]["change"] == pytest.approx(
        sum(r["JLMU, kink"] - r["JLMU, paper"] for r in results) / 3, rel=1e-9, abs=1e-12
    )
    assert all(gap >= -1e-9 for r in results for gap in r.values())


def changes(*pairs: tuple[float, float]) -> list[dict[str, Any]]:
    return [{"JLMU": {"gap": 1.0, "change": change, "change_se": error}} for change, error in pairs]


def test_a_change_counts_where_it_is_noticeable_and_sure() -> None:
    counted = count_of(changes((-0.5, 0.1), (-0.5, 0.3), (-0.01, 0.001), (0.03, 0.01), (0.0, 0.0)), "JLMU")
    assert (counted["better"], counted["worse"], counted["same"]) == (1, 1, 2)
    assert (counted["best_change"], counted["worst_change"]) == (-0.5, 0.03)


def test_the_index_is_taken_at_the_load_and_at_half_as_much_again() -> None:
    found = small_orders(TIED, 4.0)
    assert list(found.values())[2:] == [TIED.arranged(Index(4.0)), TIED.arranged(Index(6.0))]
