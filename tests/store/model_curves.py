"""Random curves of the model: a utility for each capacity, and its marginals for the naive implementation."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction

from slta.core import utility
from tests import naive

Curve = tuple[Callable[[int], utility.Utility], naive.Marginal]
"""A utility for a capacity, and the same for the naive implementation."""


def _fraction(rng: random.Random, largest: int) -> Fraction:
    return Fraction(rng.randint(1, largest * 4), 4)


def rational_curve(rng: random.Random) -> Curve:
    """A curve of rational marginals; small numbers, so that classes tie often."""
    kind = rng.randrange(5)
    a, b = _fraction(rng, 2), Fraction(rng.randint(0, 4), 8)
    if kind == 0:
        return lambda _: utility.LinearUtility(a), naive.linear(a)
    if kind == 1:
        return lambda _: utility.QuadraticUtility(a, -b), naive.quadratic(a, -b)
    if kind == 2:
        cap = _fraction(rng, 6)
        return lambda _: utility.CappedLinearUtility(a, cap), naive.capped_linear(a, cap)
    if kind == 3:
        weight = Fraction(rng.randint(1, 4))
        return (lambda _: utility.WeightedLeastConnectionsUtility(weight), naive.weighted_least_connections(weight))
    values = [Fraction(0)]
    step = rng.randint(0, 6)
    for _ in range(12):
        values.append(values[-1] + step)
        step -= rng.randint(0, 2)
    return lambda capacity: utility.TableUtility(tuple(values[: capacity + 1])), naive.table(values)


def log_curve(rng: random.Random) -> Curve:
    """`x log(r/x)` with r among few values, so that classes tie, truly (r = 5 and 20) and by being equal."""
    resource = Fraction(rng.choice([5, 10, 20, 30]))
    return lambda _: utility.LogShareUtility(resource), naive.log_share(resource)
