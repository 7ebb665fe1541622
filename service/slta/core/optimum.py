"""The optimal assignment and the utility bound (paper sections 2.3 and 2.4), in totals and per pool.

In totals the bound U*(N, A) is the optimum of a linear programme in N sessions and A(i) pools per class, hence
jointly concave: it bounds time averages even while pools come and go (section 3.4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slta.core.ranking import Coordinate, Ranking


@dataclass(frozen=True, slots=True)
class Optimum:
    """q* for N sessions on A(i) pools: coordinates better than σ* are full, σ* has the remainder (eq. 4).

    `rank` is r*, the rank of σ*. `filled` is the number of sessions at σ*: fewer than the pools of its class, or equal
    if the fleet is full. `price` is Δ at σ*, the utility that one more session would add; it may be negative.
    `overload`: more sessions than capacity; `utility` is then that of the full fleet, and `price` is 0.
    """

    rank: int
    coordinate: Coordinate
    filled: float
    utility: float
    price: float
    overload: bool


def optimum(ranking: Ranking, pools: Sequence[float], sessions: float) -> Optimum | None:
    """σ*, q* and U*(N, A) by filling ranks from the best (eq. 4 and 5); None without pools. O(r*).

    `pools[i]` is A(i), `sessions` N, both totals (or both per pool: then the utility is u*(ρ)). In (5) the left
    side is ≤ and the right side <, so at an integral load σ* is the next coordinate, empty.

    One pool of class 0 and two of class 1, three sessions: one adds 4, two add 3 each, and a fourth would add 2.

    >>> ranking = Ranking((Coordinate(0, 1), Coordinate(1, 1), Coordinate(0, 2)), ((4.0, 2.0), (3.0,)))
    >>> best = optimum(ranking, pools=[1, 2], sessions=3)
    >>> best.rank, best.filled, best.utility, best.price
    (3, 0, 10.0, 2.0)
    """
    left, utility, last = sessions, 0.0, 0
    for rank, (pool_class, level) in enumerate(ranking.order, start=1):
        room = pools[pool_class]
        if room <= 0:
            continue
        marginal = ranking.marginals[pool_class][level - 1]
        if left < room:
            return Optimum(
                rank, Coordinate(pool_class, level), left, utility + marginal * left, marginal, overload=False
            )
        left, utility, last = left - room, utility + marginal * room, rank
    if not last:
        return None
    coordinate = ranking.coordinate(last)
    overload = left > 0
    price = 0.0 if overload else ranking.marginal_at(last)
    return Optimum(last, coordinate, pools[coordinate.pool_class], utility, price, overload)


def utility_bound(ranking: Ranking, fractions: Sequence[float], offered_load: float) -> float:
    """u*(ρ), Theorem 1: upper bound of every policy's mean utility per pool at load ρ. 0 without pools."""
    best = optimum(ranking, fractions, offered_load)
    return best.utility if best else 0.0


def optimal_assignment(ranking: Ranking, pools: Sequence[float], best: Optimum) -> list[list[float]]:
    """q*(i, j) for j from 0 to ℓ_i + 1, in pools: column i is `[A(i), A(i), …, sessions at σ*]` (eq. 4)."""
    columns = []
    for i, threshold in enumerate(ranking.thresholds(best.rank)):
        column = [float(pools[i])] * (threshold + 1 if pools[i] > 0 else 1)
        if i == best.coordinate.pool_class and best.filled:
            column.append(float(best.filled))
        columns.append(column)
    return columns


def pool_worth(ranking: Ranking, pool_class: int, best: Optimum) -> float:
    """∂U*/∂A(i), the utility that one more pool of class i adds: the sum of Δ − price over its levels better than σ*.

    Worth and price of load, ∂U*/∂N = `best.price`, are dual solutions of the linear programme (2), hence an upper bound
    of the gain of any change of load and pools. U* has a kink where σ* is empty: there the price is the gain of one
    session more, the worth the loss of one pool less. Under overload the worth is the utility of a full pool.
    """
    if best.overload:
        return sum(ranking.marginals[pool_class])
    return sum(max(marginal - best.price, 0.0) for marginal in ranking.marginals[pool_class])
