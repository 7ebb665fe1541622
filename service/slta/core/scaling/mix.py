"""Fluid mix: pools of each class, as real numbers, that reach a floor at the least cost, or the most within a budget.

A pool of class c with k sessions is a point: cost c_c/k and utility u_c(k)/k of a session. Numbers of pools are free,
so sessions of a type lie on the upper hull of the points of its classes, on at most two of them, and all types have the
same price of utility (a linear programme). Utility and cost are homogeneous in the load: a larger load has a multiple.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Literal, NamedTuple


class Point(NamedTuple):
    """Cost and utility of a session on a pool of `pool_class` that holds `sessions`."""

    cost: float
    utility: float
    pool_class: int
    sessions: int


Hull = Sequence[Point]


def hull_of(marginals: Sequence[Sequence[float]], costs: Sequence[float], classes: Sequence[int]) -> Hull:
    """Upper hull of the utility over the cost on these classes, cheapest first. O(k log k) for k levels.

    >>> [point[:2] for point in hull_of([(4.0, 2.0), (3.0,)], [1.0, 1.0], [0, 1])]
    [(0.5, 3.0), (1.0, 4.0)]
    """
    levels = ((c, k, total) for c in classes for k, total in enumerate(accumulate(marginals[c]), 1))
    points = [Point(costs[c] / k, total / k, c, k) for c, k, total in levels]
    hull = list[Point]()
    for point in sorted(points, key=lambda point: (point.cost, -point.utility)):
        if hull and point.utility <= hull[-1].utility:
            continue
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) <= _slope(hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


def _slope(below: Point, above: Point) -> float:
    return (above.utility - below.utility) / (above.cost - below.cost)


def fluid_mix(
    parts: Sequence[tuple[Hull, float]], of: Literal["utility", "cost"], aim: float, classes: int
) -> list[float]:
    """Pools by class for the sessions of each hull: the cheapest mix with the total `of` which is `aim`.

    The best that there is if `aim` is more; as many of the cheapest pools as there is money for if it is less.
    """
    held = [{hull[0]: load} for hull, load in parts]
    total = sum(load * getattr(hull[0], of) for hull, load in parts)
    paid = min(1.0, aim / total) if of == "cost" else 1.0
    steps = [(t, *ends) for t, (hull, load) in enumerate(parts) if load > 0 for ends in pairwise(hull)]
    for t, below, above in sorted(steps, key=lambda step: -_slope(*step[1:])):
        load = parts[t][1]
        gain = load * (getattr(above, of) - getattr(below, of))
        moved = min(1.0, (aim - total) / gain)
        if moved <= 0:
            break
        held[t] = {below: load * (1 - moved), above: load * moved}
        total += gain * moved
    pools = [0.0] * classes
    for point, sessions in (item for own in held for item in own.items()):
        pools[point.pool_class] += paid * sessions / point.sessions
    return pools
