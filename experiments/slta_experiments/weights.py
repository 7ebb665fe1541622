"""Weight search: the best fixed weights of weighted least connections for one workload, by simulation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from slta_experiments.engine.simulate import Run, simulate
from slta_experiments.fleets import FleetShape
from slta_experiments.workload import Workload


@dataclass(frozen=True)
class Search:
    """Initial weights, the best first, and the factors tried on each weight in turn.

    `least` is the smallest weight: such a class is used when all others are many times as full. The loss is not convex
    in the weights, so the search may miss better ones.
    """

    starts: Sequence[Sequence[float]]
    factors: Sequence[float] = (1.1, 1 / 1.1, 1.03, 1 / 1.03)
    least: float = 0.001

    @property
    def runs(self) -> int:
        """Number of weights tried."""
        return len(self.starts) + len(self.factors) * len(self.starts[0])


def best_weights(
    shape: FleetShape, n: int, workload: Workload, run: Run, search: Search, tried: Callable[[], None] = lambda: None
) -> tuple[float, ...]:
    """Weights with the smallest placement gap found; `tried` is called after each trial."""

    def gap(weights: Sequence[float]) -> float:
        order = shape.weighted(tuple(round(w, 4) for w in weights))
        found = simulate(shape, n, "JLMU", workload, replace(run, order=order)).gaps.placement_gap
        tried()
        return found

    least, best = min((gap(start), start) for start in ([max(w, search.least) for w in s] for s in search.starts))
    for factor in search.factors:
        for i in range(len(best)):
            other = [*best[:i], max(best[i] * factor, search.least), *best[i + 1 :]]
            if (found := gap(other)) < least:
                best, least = other, found
    return tuple(round(w, 4) for w in best)
