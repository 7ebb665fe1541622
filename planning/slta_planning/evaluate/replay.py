"""Replay of a log in virtual time: the recorded placement and the policies on the same sessions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from slta.core.fleet import FleetSpec
from slta.core.gaps import Averages, Gaps, gaps
from slta.core.policies.choice import NOTHING
from slta.core.ranking import Ranking
from slta_experiments.engine.simulate import Run
from slta_experiments.fleets import FleetShape
from slta_experiments.weights import Search, best_weights
from slta_experiments.workload import Floats, generator, workload_of
from slta_planning.errors import UnusableError
from slta_planning.evaluate.active_pools import ActivePools, Epoch, Places
from slta_planning.evaluate.reading import Log
from slta_planning.evaluate.trajectory import Order, Placement, Sessions, Trajectory, trajectory_of
from slta_planning.evaluate.typed_replay import typed_gaps, typed_trajectories
from slta_planning.evaluate.window import Window
from slta_planning.simulation import SIMULATED, order_of

SEED = 0x517A
RECORDED = "recorded"
FACTORS = (2.0, 0.5, 1.5, 1 / 1.5, 1.2, 1 / 1.2, 1.05, 1 / 1.05)
"""Search steps: factors tried on each fixed weight in turn."""
MAX_WEIGHT = 256
"""Maximum weight of a server in HAProxy."""

FIXED = ("best_fixed_weights", "least_connections")
"""Placements by fixed weights: the best ones that were found, and equal ones."""

Ran = Callable[[int, int], None]
"""Progress callback after each run: runs done, and their total."""


@dataclass(frozen=True)
class Evaluation:
    """Result of each placement by name, `recorded` first. `weights` are the best fixed ones, by class.

    `typed` is the specification of a fleet with session types, None without; there are no weights with it. `by_type`
    are its sessions.
    """

    active: ActivePools
    window: Window
    sessions: int
    trajectories: Mapping[str, Trajectory]
    weights: Mapping[str, int]
    typed: FleetSpec | None = None
    by_type: Mapping[str, int] = field(default_factory=dict)

    def over(self, name: str, begin: float, end: float) -> Gaps:
        """Averages of a placement between two times of its trajectory, and their bound."""
        return _over(self.active, self.window, self.trajectories[name], begin, end, self.typed)


def _over(
    active: ActivePools, window: Window, one: Trajectory, begin: float, end: float, typed: FleetSpec | None = None
) -> Gaps:
    pieces = np.array(window.kept(begin, end))
    spans, at = np.diff(pieces)[:, 0], np.searchsorted(one.times, pieces)
    areas = (one.areas[at[:, 1]] - one.areas[at[:, 0]]).sum(axis=0) / spans.sum()
    pools = tuple(float(a) for a in np.average([active.mean_pools(*piece) for piece in pieces], 0, spans))
    if typed:
        found = typed_gaps(typed, active, areas, pools)
    else:
        sessions, utility, optimum = (float(area) for area in areas)
        found = gaps(active.shape.ranking, Averages(pools, sessions, utility, optimum))
    assert found is not None  # noqa: S101 - a fleet has pools
    return found


def evaluate(
    spec: FleetSpec, log: Log, window: Window, active: ActivePools, ran: Ran = lambda _done, _all: None
) -> Evaluation:
    """Replay a log. Sessions that began on a full pool are counted in `log.lines` and excluded everywhere."""
    if spec.session_types:
        return _typed(spec, log, window, active, ran)
    whole = Sessions(log.starts - window.origin, log.ends - window.origin)
    recorded, kept = _recorded(spec, log, window, active, whole)
    log.lines.overlapping = int((~kept).sum())
    sessions = whole if kept.all() else Sessions(whole.starts[kept], whole.ends[kept])
    log.lines.open_at_end = int((sessions.ends >= window.end).sum())
    draws = generator(SEED).random(len(log.starts))[kept]
    trajectories, weights = _policies(spec, _Replay(active, window, sessions, draws), recorded, ran)
    return Evaluation(active, window, len(sessions.starts), {RECORDED: recorded, **trajectories}, weights)


def _typed(spec: FleetSpec, log: Log, window: Window, active: ActivePools, ran: Ran) -> Evaluation:
    draws = generator(SEED).random(len(log.starts))
    found = typed_trajectories(spec, log, window, active, draws, ran)
    _refuse_if_idle(_over(active, window, found.recorded, window.begin, window.end, spec))
    log.lines.open_at_end = int((found.sessions.ends >= window.end).sum())
    trajectories = {RECORDED: found.recorded, **found.others}
    by_type = dict(zip(spec.type_names, np.bincount(found.sessions.kinds, minlength=len(spec.type_names)), strict=True))
    return Evaluation(active, window, len(found.sessions.starts), trajectories, {}, spec, by_type)


def _refuse_if_idle(found: Gaps) -> None:
    if not found.mean_sessions_per_pool:
        raise UnusableError("no session is open between the warm-up and the end: shorten --warm-up or --cool-down")


def _recorded(
    spec: FleetSpec, log: Log, window: Window, active: ActivePools, sessions: Sessions
) -> tuple[Trajectory, NDArray[np.bool_]]:
    """Replay the log's placement; keep the sessions that its pools had room for."""
    places = log.numbers.places(spec.class_names())[log.pools]
    trajectory = _as_recorded(spec, window, active, sessions, places)
    kept = (trajectory.pools != NOTHING) | (sessions.starts >= window.end)
    if not kept.all():
        rest = Sessions(sessions.starts[kept], sessions.ends[kept])
        trajectory = _as_recorded(spec, window, active, rest, places[kept])
    _refuse_if_idle(_over(active, window, trajectory, window.begin, window.end))
    return trajectory.without_pools(), kept


def _as_recorded(
    spec: FleetSpec, window: Window, active: ActivePools, sessions: Sessions, places: Places
) -> Trajectory:
    """Replay with draws that make a uniform choice among the active pools pick the log's."""

    def draws(epoch: Epoch, ids: Places) -> Floats:
        return (np.searchsorted(epoch.pools, places[ids]) + 0.5) / len(epoch.pools)

    placement = Placement("random", lambda shape: shape.ranking, draws)
    return trajectory_of(active, sessions, placement, window.times, spec.beta)


@dataclass(frozen=True)
class _Replay:
    """What all policies are given: the pools, the window, the sessions, and a draw for each."""

    active: ActivePools
    window: Window
    sessions: Sessions
    draws: Floats

    def weights(self, spec: FleetSpec, search: Search, tried: Callable[[], None]) -> dict[str, int]:
        """The best weights found, as whole numbers by class, with all pools of the log there from first to last."""
        shape = self.active.shape
        run = Run(horizon=self.window.end, warm_up=self.window.begin, beta=spec.beta, rank=1)
        workload = workload_of(0, self.sessions.starts, self.sessions.ends, self.draws)
        found = whole(best_weights(shape, sum(shape.shares), workload, run, search, tried))
        return dict(zip((c.name for c in shape.classes), found, strict=True))


def whole(weights: Sequence[float]) -> list[int]:
    """Weights as whole numbers from 1 to MAX_WEIGHT, which balancers take."""
    rounded = [max(1, round(MAX_WEIGHT * weight / max(weights))) for weight in weights]
    return [weight // math.gcd(*rounded) for weight in rounded]


def _policies(
    spec: FleetSpec, replay: _Replay, recorded: Trajectory, ran: Ran
) -> tuple[dict[str, Trajectory], dict[str, int]]:
    """Replay each policy; return results and the weights found."""
    search = Search(_starts(replay, recorded), FACTORS)
    done = itertools.count(1)

    def tell() -> None:
        ran(next(done), search.runs + len(FIXED) + len(SIMULATED))

    weights = replay.weights(spec, search, tell)
    trajectories = {}
    for name, (title, order) in _orders(spec, weights).items():
        placement = Placement(title, order, lambda _, ids: replay.draws[ids])
        trajectory = trajectory_of(replay.active, replay.sessions, placement, replay.window.times, spec.beta)
        trajectories[name] = trajectory.without_pools()
        tell()
    return trajectories, weights


def _orders(spec: FleetSpec, best: Mapping[str, int]) -> dict[str, tuple[str, Order]]:
    """The engine's policy and the order of places of each placement; fixed weights are JLMU in a weighted order."""
    fixed = zip(FIXED, (best, dict.fromkeys(best, 1)), strict=True)
    return {
        **{name: ("JLMU", partial(_weighted, weights)) for name, weights in fixed},
        **{p.name: (p.title, partial(order_of, spec=spec, title=p.title)) for p in SIMULATED.values()},
    }


def _weighted(by_class: Mapping[str, int], shape: FleetShape) -> Ranking:
    return shape.weighted(tuple(by_class[c.name] for c in shape.classes))


def _starts(replay: _Replay, recorded: Trajectory) -> list[list[float]]:
    """Initial weights of the search: optimal occupancies at the mean, least and largest load, their mean, and equal.

    Weights that fit one load may lose at others, so under a varying load their mean may be better.
    """
    shape, loads = replay.active.shape, recorded.sessions
    mean_load = _over(
        replay.active, replay.window, recorded, replay.window.begin, replay.window.end
    ).mean_sessions_per_pool
    there = [shape.mean_occupancies(float(load)) for load in loads]
    marked = [mean_load, float(loads.min()), float(loads.max())]
    mean = [float(weight) for weight in np.mean(there, axis=0)]
    return [*(shape.mean_occupancies(load) for load in marked), mean, [1.0] * len(shape.classes)]
