"""How far a sample may be from what it is a sample of."""

import math
from collections.abc import Callable, Sequence

Cdf = Callable[[float], float]
"""A distribution: P(T ≤ t)."""


def kolmogorov_distance(sample: Sequence[float], cdf: Cdf) -> float:
    """sup |F_n − F| of a continuous distribution."""
    ordered, n = sorted(sample), len(sample)
    return max(max((k + 1) / n - cdf(x), cdf(x) - k / n) for k, x in enumerate(ordered))


def kolmogorov_limit(n: int) -> float:
    """P(√n · distance > 2.2) ≈ 2 exp(−2 · 2.2²) = 1.3e-4: for one fixed seed a failure is a wrong distribution."""
    return 2.2 / math.sqrt(n)


def sigmas(observed: float, expected: float, standard_deviation: float) -> float:
    return abs(observed - expected) / standard_deviation
