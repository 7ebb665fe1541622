"""Small fleets for the questions of section 9.3."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from slta.core.ranking import Ranking, rank_coordinates
from slta.core.utility import CappedLinearUtility, LinearUtility, PoolClass, TableUtility, Utility
from slta_experiments.fleets import FleetShape, log_share

CAPACITY = 48


def pair(name: str, first: Utility, second: Utility) -> FleetShape:
    """Two classes of equal size."""
    return FleetShape(name, (PoolClass("one", first, CAPACITY), PoolClass("two", second, CAPACITY)), (1, 1))


def table_of(marginals: Sequence[Fraction]) -> TableUtility:
    """Table from its marginals, continued by the last."""
    values = [Fraction(0)]
    for x in range(CAPACITY):
        values.append(values[-1] + marginals[min(x, len(marginals) - 1)])
    return TableUtility(tuple(values))


def section_9_3(epsilon: Fraction = Fraction(1, 20)) -> FleetShape:
    """εx and min(y, 1), with a = 1."""
    return pair(
        f"section 9.3, ε = {float(epsilon):g}", LinearUtility(epsilon), CappedLinearUtility(Fraction(1), Fraction(1))
    )


KINKED = pair("0.1x and min(y, 3)", LinearUtility(Fraction(1, 10)), CappedLinearUtility(Fraction(1), Fraction(3)))

SMOOTH = pair(
    "x/(x+1) and 3y/(y+1)",
    TableUtility(tuple(Fraction(x, x + 1) for x in range(CAPACITY + 1))),
    TableUtility(tuple(Fraction(3 * x, x + 1) for x in range(CAPACITY + 1))),
)

TIED = pair(
    "1, 1, 1, then 0.1 and 1, then 0.1",
    table_of([Fraction(1), Fraction(1), Fraction(1), Fraction(1, 10)]),
    table_of([Fraction(1), Fraction(1, 10)]),
)
"""Marginals 1 and 0.1 in both classes: nearly every comparison is a tie."""

TABLE_1_SMALL = log_share("table 1's fleet", (20, 30), (1, 1), 48)

SMALL_FLEETS: dict[str, tuple[FleetShape, float, int]] = {
    "section 9.3, ε = 0.05": (section_9_3(), 0.5, 14),
    KINKED.name: (KINKED, 1.5, 16),
    SMOOTH.name: (SMOOTH, 1.0, 14),
    TIED.name: (TIED, 2.0, 16),
    TABLE_1_SMALL.name: (TABLE_1_SMALL, 9.75, 40),
}
"""By name: shape, load ρ per pool, and a capacity that two pools rarely exceed."""


def reversed_ties(shape: FleetShape) -> Ranking:
    """Order with ties between classes reversed: the larger class index first."""
    last = len(shape.classes) - 1
    mirrored = rank_coordinates(tuple(reversed(shape.classes)))
    order = tuple(c._replace(pool_class=last - c.pool_class) for c in mirrored.order)
    return Ranking(order, shape.ranking.marginals)
