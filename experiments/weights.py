"""The best fixed weights of weighted least connections for one workload, searched for by running it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from experiments.engine.simulate import Run, simulate
from experiments.fleets import FleetShape
from experiments.workload import Workload


@dataclass(frozen=True)
class Search:
    """The weights to begin with, best of all, and the factors that each weight is then tried with, in turn.

    `least` is the smallest weight: such a class is used when every other is many times as full. The loss is not convex
    in the weights, so others may be better than those that are found.
    """

    starts: Sequence[Sequence[float]]
    factors: Sequence[float] = (1.1, 1 / 1.1, 1.03, 1 / 1.03)
    least: float = 0.001

    @property
    def runs(self) -> int:
        """How many weights are tried."""
        return len(self.starts) + len(self.factors) * len(self.starts[0])


def best_weights(
    shape: FleetShape, n: int, workload: Workload, run: Run, search: Search, tried: Callable[[], None] = lambda: None
) -> tuple[float, ...]:
    """The weights with the smallest placement gap that were found; `tried` is called after each that is tried."""

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
