"""Replay of a log in virtual time: the recorded placement and the policies on the same sessions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from slta.core.fleet import FleetSpec
from slta.core.gaps import Averages, Gaps, gaps
from slta.core.policies.choice import NOTHING
from slta.core.ranking import Ranking
from slta_experiments.engine.dispatch import REJECTIONS
from slta_experiments.engine.simulate import Outcome, Run, simulate
from slta_experiments.fleets import FleetShape
from slta_experiments.weights import Search, best_weights
from slta_experiments.workload import Floats, Workload, generator
from slta_planning.errors import UnusableError
from slta_planning.evaluate.reading import Log
from slta_planning.evaluate.window import Window, workload_of_log
from slta_planning.playing import PLAYABLE, order_of, shape_of

SEED = 0x517A
RECORDED = "recorded"
FACTORS = (2.0, 0.5, 1.5, 1 / 1.5, 1.2, 1 / 1.2, 1.05, 1 / 1.05)
"""Search steps: factors tried on each fixed weight in turn."""

Ran = Callable[[int, int], None]
"""Progress callback after each run: runs done, and their total."""


@dataclass(frozen=True)
class Evaluation:
    """Result of each placement by name, `recorded` first. `weights` are the best fixed ones, by class."""

    shape: FleetShape
    n: int
    window: Window
    sessions: int
    outcomes: Mapping[str, Outcome]
    weights: Mapping[str, float]

    def over(self, name: str, begin: float, end: float) -> Gaps:
        """Averages of a placement between two sample times, and their bound."""
        samples = self.outcomes[name].samples
        first, last = np.searchsorted(samples.times, [begin, end])
        areas = (samples.areas[last] - samples.areas[first]) / (end - begin)
        pools = tuple(map(float, self.shape.pools(self.n)))
        found = gaps(self.shape.ranking, Averages(pools, *(float(a) for a in areas)))
        assert found is not None  # noqa: S101 - a fleet has pools
        return found


def shape_of_log(spec: FleetSpec, log: Log) -> FleetShape:
    """Classes with pools, by the fleet file or the log."""
    return shape_of(spec.classes, log.naming.pools(spec.class_names()))


def evaluate(spec: FleetSpec, log: Log, window: Window, ran: Ran = lambda _done, _all: None) -> Evaluation:
    """Replay a log. Sessions that began on a full pool are counted in `log.lines` and excluded everywhere."""
    shape = shape_of_log(spec, log)
    n = sum(shape.shares)
    times = sorted({*window.hours, *window.parts})
    run = Run(horizon=window.end, warm_up=window.begin, beta=spec.beta, rank=1, sample_times=times)
    recorded, kept = _recorded(shape, n, spec, log, window, run)
    log.lines.overlapping = int((~kept).sum())
    workload = workload_of_log(log, window, generator(SEED).random(len(log.starts)), kept)
    log.lines.open_at_end = int((workload.departures >= window.end).sum())
    policies, weights = _policies(shape, spec, workload, run, recorded, ran)
    by_class = {c.name: w for c, w in zip(shape.classes, weights, strict=True)}
    return Evaluation(shape, n, window, len(workload.arrivals), {RECORDED: recorded, **policies}, by_class)


def _recorded(
    shape: FleetShape, n: int, spec: FleetSpec, log: Log, window: Window, run: Run
) -> tuple[Outcome, NDArray[np.bool_]]:
    """Replay the log's placement; keep the sessions that its pools had room for."""
    draws = _draws_to(log.naming.places(spec.class_names())[log.pools], n)
    kept = np.ones(len(draws), dtype=np.bool_)
    outcome = simulate(shape, n, "random", workload_of_log(log, window, draws, kept), run)
    if outcome.counters[REJECTIONS]:
        kept[: outcome.arrivals] = outcome.pools[: outcome.arrivals] != NOTHING
        outcome = simulate(shape, n, "random", workload_of_log(log, window, draws, kept), run)
    if not outcome.gaps.mean_sessions_per_pool:
        raise UnusableError("no session is open between the warm-up and the end: shorten --warm-up or --cool-down")
    return outcome, kept


def _draws_to(places: NDArray[np.int64], n: int) -> Floats:
    """Draws that make a uniform choice among n pools pick the log's pool."""
    return (places + 0.5) / n


def _policies(
    shape: FleetShape, spec: FleetSpec, workload: Workload, run: Run, recorded: Outcome, ran: Ran
) -> tuple[dict[str, Outcome], tuple[float, ...]]:
    """Replay each policy; return results and the weights found."""
    n = sum(shape.shares)
    search = Search(_starts(shape, recorded), FACTORS)
    done = itertools.count(1)

    def tell() -> None:
        ran(next(done), search.runs + len(placements))

    placements: dict[str, tuple[str, Callable[[], Ranking]]] = {
        "best_fixed_weights": ("JLMU", lambda: shape.weighted(weights)),
        "least_connections": ("JLMU", lambda: shape.weighted((1.0,) * len(shape.classes))),
        **{p.name: (p.title, partial(order_of, shape, spec, p.title)) for p in PLAYABLE.values()},
    }
    weights = best_weights(shape, n, workload, replace(run, sample_times=()), search, tell)
    outcomes = {}
    for name, (policy, order) in placements.items():
        outcomes[name] = simulate(shape, n, policy, workload, replace(run, order=order()))
        tell()
    return outcomes, weights


def _starts(shape: FleetShape, recorded: Outcome) -> list[list[float]]:
    """Initial weights of the search: optimal occupancies at the mean, least and largest load, their mean, and equal.

    Weights that fit one load may lose at others, so under a varying load their mean may be better.
    """
    loads = recorded.samples.sessions
    there = [shape.mean_occupancies(float(load)) for load in loads]
    marked = [recorded.gaps.mean_sessions_per_pool, float(loads.min()), float(loads.max())]
    mean = [float(weight) for weight in np.mean(there, axis=0)]
    return [*(shape.mean_occupancies(load) for load in marked), mean, [1.0] * len(shape.classes)]
