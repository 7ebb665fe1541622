"""Order by marginal utility, with ties between classes broken by preceding kinks of the curve. Not in the paper.

For a pool of class i with x sessions let d be the smallest d from 1 to x with Δ(i, x − d) > Δ(i, x), and
w = x (x−1) … (x−d+1) · (Δ(i, x − d) − Δ(i, x)). Among coordinates of equal marginal utility the smaller d comes first,
then the larger w, then those without a d, flat from the empty pool on; then the smaller class, then the smaller level.

The price W of `index` at a large load Λ is Δ + w/Λ^d + …: of equal marginals, first come those where departures soonest
free a more valuable place. Within a class d rises along a flat run, so levels keep their order.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cached_property, cmp_to_key
from itertools import islice
from typing import ClassVar

from slta.core.marginals import Marginal, Rational, compare
from slta.core.ranking import Coordinate, Ranking, tied
from slta.core.utility import PoolClass

DIGITS = 50
"""Irrational weights equal to this many digits tie."""
GUARD = 30
"""Additional digits, for cancellation in differences."""


@dataclass(frozen=True)
class Kink:
    """`{kind: kink}`."""

    kind: ClassVar[str] = "kink"
    title: ClassVar[str] = "marginal utility and kinks"
    ties: ClassVar[str] = "the place with the nearest kink behind it is filled first"
    by_marginal: ClassVar[bool] = True

    def arrange(self, classes: Sequence[PoolClass], ranking: Ranking) -> Ranking:
        """The paper's order, with its ties between classes re-sorted."""
        columns = [steps(i, pool_class) for i, pool_class in enumerate(classes)]
        order: list[Coordinate] = []
        for group in tied(classes, ranking.order):
            order += _merged(columns, group)
        return Ranking(tuple(order), ranking.marginals)


def _merged(columns: Sequence[Iterator[Step]], group: Sequence[Coordinate]) -> Iterator[Coordinate]:
    """Merge the tied coordinates; equal ones are in the order of the classes. Products live only while compared."""
    counts = Counter(coordinate.pool_class for coordinate in group)
    taken = (islice(columns[i], counts[i]) for i in sorted(counts))
    return (step.coordinate for step in heapq.merge(*taken, key=cmp_to_key(_better_first)))


@dataclass(frozen=True, eq=False)
class Step:
    """Coordinate and its last preceding kink: d (infinite without one), x (x−1) … (x−d+1), Δ(x − d) and Δ(x)."""

    coordinate: Coordinate
    distance: float
    product: int
    before: Marginal
    marginal: Marginal

    @cached_property
    def ratio(self) -> tuple[int, int] | None:
        """w as numerator and denominator, not reduced; None for an irrational marginal."""
        if not (isinstance(self.before, Rational) and isinstance(self.marginal, Rational)):
            return None
        drop = self.before.value - self.marginal.value
        return self.product * drop.numerator, drop.denominator

    @cached_property
    def weight(self) -> Decimal:
        """w to `DIGITS` digits, computed with `GUARD` more."""
        digits = DIGITS + GUARD
        with localcontext(prec=digits):
            return self.product * (self.before.decimal(digits) - self.marginal.decimal(digits))


def steps(number: int, pool_class: PoolClass) -> Iterator[Step]:
    """The levels of class `number`; d and the product accumulate along a flat run."""
    before = marginal = pool_class.utility.marginal(0)
    distance, product = math.inf, 1
    for x in range(pool_class.capacity):
        previous, marginal = marginal, pool_class.utility.marginal(x)
        if compare(previous, marginal) > 0:
            distance, product, before = 1, x, previous
        elif distance < math.inf:
            distance, product = distance + 1, product * x
        yield Step(Coordinate(number, x + 1), distance, product, before, marginal)


def _better_first(left: Step, right: Step) -> int:
    if left.distance != right.distance:
        return -1 if left.distance < right.distance else 1
    return 0 if left.distance == math.inf else compare_weights(right, left)


def compare_weights(left: Step, right: Step) -> int:
    """−1, 0 or 1 for w of `left` <, = or > that of `right`; both have the same d."""
    if (left.product, left.before, left.marginal) == (right.product, right.before, right.marginal):
        return 0
    if left.ratio and right.ratio:
        (a, b), (c, d) = left.ratio, right.ratio
        return (a * d > c * b) - (a * d < c * b)
    with localcontext(prec=DIGITS + GUARD):
        if abs(left.weight - right.weight) <= max(left.weight, right.weight).scaleb(-DIGITS):
            return 0
        return 1 if left.weight > right.weight else -1
