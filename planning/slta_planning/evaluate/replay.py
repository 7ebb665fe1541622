"""Replay of a log in virtual time: the recorded placement and the policies on the same sessions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from slta.cli.error_messages import UserError
from slta.core.fleet import FleetSpec
from slta.core.gaps import Averages, Gaps, TypeAverages, gaps
from slta.core.policies.choice import NOTHING
from slta.core.ranking import Ranking
from slta_experiments.engine.simulate import PRICED, Run
from slta_experiments.fleets import FleetShape
from slta_experiments.weights import Search, best_weights
from slta_experiments.workload import Floats, generator, workload_of
from slta_planning.evaluate.active_pools import ActivePools, Epoch, Places
from slta_planning.evaluate.reading import Log
from slta_planning.evaluate.trajectory import Order, Placement, Sessions, Trajectory, trajectory_of
from slta_planning.evaluate.window import Window
from slta_planning.simulation import SIMULATED, order_of, sets_of

SEED = 0x517A
RECORDED = "recorded"
FACTORS = (2.0, 0.5, 1.5, 1 / 1.5, 1.2, 1 / 1.2, 1.05, 1 / 1.05)
"""Search steps: factors tried on each fixed weight in turn."""
MAX_WEIGHT = 256
"""Maximum weight of a server in HAProxy."""

FIXED = ("best_fixed_weights", "least_connections")
"""Placements by fixed weights: the best ones that were found, and equal ones."""

RESTRICTED = "jlmu_restricted"
"""JLMU among the classes of the type, without prices."""
TYPED = {RESTRICTED: "JLMU", "jlmu": PRICED}
"""Placements of sessions that have types: names, and titles in the engine."""

Ran = Callable[[int, int], None]
"""Progress callback after each run: runs done, and their total."""


@dataclass(frozen=True)
class Evaluation:
    """Result of each placement by name, `recorded` first. `weights` are the best fixed ones, by class.

    With session types, `by_type`, there are none.
    """

    spec: FleetSpec
    active: ActivePools
    window: Window
    sessions: int
    by_type: Mapping[str, int]
    trajectories: Mapping[str, Trajectory]
    weights: Mapping[str, int]

    def over(self, name: str, begin: float, end: float) -> Gaps:
        """Averages of a placement between two times of its trajectory, and their bound."""
        return _over(self.spec, self.active, self.window, self.trajectories[name], begin, end)


def _over(spec: FleetSpec, active: ActivePools, window: Window, one: Trajectory, begin: float, end: float) -> Gaps:
    pieces = np.array(window.kept(begin, end))
    spans, at = np.diff(pieces)[:, 0], np.searchsorted(one.times, pieces)
    areas = (one.areas[at[:, 1]] - one.areas[at[:, 0]]).sum(axis=0) / spans.sum()
    pools = tuple(float(a) for a in np.average([active.mean_pools(*piece) for piece in pieces], 0, spans))
    sessions, utility, free, *of_types = (float(area) for area in areas)
    types = TypeAverages(sets_of(spec, active.shape), tuple(of_types[1:]), of_types[0]) if of_types else None
    found = gaps(active.shape.ranking, Averages(pools, sessions, utility, free, types))
    assert found is not None  # noqa: S101 - a fleet has pools
    return found


def evaluate(
    spec: FleetSpec, log: Log, window: Window, active: ActivePools, ran: Ran = lambda _done, _all: None
) -> Evaluation:
    """Replay a log. Sessions that began on a full pool are counted in `log.lines` and excluded everywhere."""
    whole = Sessions(log.starts - window.origin, log.ends - window.origin, log.kinds)
    recorded = _as_recorded(spec, window, active, whole, log.numbers.places(spec.class_names())[log.pools])
    if not _over(spec, active, window, recorded, window.begin, window.end).mean_sessions_per_pool:
        raise UserError("no session is open between the warm-up and the end: shorten --warm-up or --cool-down")
    kept = (recorded.pools != NOTHING) | (whole.starts >= window.end)
    log.lines.overlapping = int((~kept).sum())
    sessions = Sessions(whole.starts[kept], whole.ends[kept], whole.kinds[kept])
    log.lines.open_at_end = int((sessions.ends >= window.end).sum())
    replay = _Replay(spec, active, window, sessions, generator(SEED).random(len(log.starts))[kept])
    trajectories, weights = _policies(replay, recorded, ran)
    by_type = dict(zip(spec.type_names, np.bincount(sessions.kinds, minlength=len(spec.type_names)), strict=True))
    trajectories = {RECORDED: recorded.without_pools(), **trajectories}
    return Evaluation(spec, active, window, len(sessions.starts), by_type, trajectories, weights)


def _as_recorded(
    spec: FleetSpec, window: Window, active: ActivePools, sessions: Sessions, places: Places
) -> Trajectory:
    """Replay with draws that make a uniform choice among the active pools pick the log's."""

    def draws(epoch: Epoch, ids: Places) -> Floats:
        return (np.searchsorted(epoch.pools, places[ids]) + 0.5) / len(epoch.pools)

    placement = Placement("random", lambda shape: shape.ranking, draws)
    return trajectory_of(spec, active, sessions, placement, window.times)


@dataclass(frozen=True)
class _Replay:
    """What all policies are given: the fleet, its pools, the window, the sessions, and a draw for each."""

    spec: FleetSpec
    active: ActivePools
    window: Window
    sessions: Sessions
    draws: Floats

    def trajectory(self, title: str, order: Order) -> Trajectory:
        """One policy of the engine."""
        placement = Placement(title, order, lambda _, ids: self.draws[ids])
        return trajectory_of(self.spec, self.active, self.sessions, placement, self.window.times).without_pools()

    def weights(self, search: Search, tried: Callable[[], None]) -> dict[str, int]:
        """The best weights found, as whole numbers by class, with all pools of the log there from first to last."""
        shape = self.active.shape
        run = Run(horizon=self.window.end, warm_up=self.window.begin, beta=self.spec.beta, rank=1)
        workload = workload_of(0, self.sessions.starts, self.sessions.ends, self.draws)
        found = whole(best_weights(shape, sum(shape.shares), workload, run, search, tried))
        return dict(zip((c.name for c in shape.classes), found, strict=True))


def whole(weights: Sequence[float]) -> list[int]:
    """Weights as whole numbers from 1 to MAX_WEIGHT, which balancers take."""
    rounded = [max(1, round(MAX_WEIGHT * weight / max(weights))) for weight in weights]
    return [weight // math.gcd(*rounded) for weight in rounded]


def _policies(replay: _Replay, recorded: Trajectory, ran: Ran) -> tuple[dict[str, Trajectory], dict[str, int]]:
    """Replay each policy; return results and the weights found, none with session types."""
    done, search = itertools.count(1), Search(_starts(replay, recorded), FACTORS)
    typed = bool(replay.spec.session_types)
    total = len(TYPED) if typed else search.runs + len(FIXED) + len(SIMULATED)

    def tell() -> None:
        ran(next(done), total)

    weights = {} if typed else replay.weights(search, tell)
    trajectories = {}
    for name, (title, order) in _orders(replay.spec, weights).items():
        trajectories[name] = replay.trajectory(title, order)
        tell()
    return trajectories, weights


def _orders(spec: FleetSpec, best: Mapping[str, int]) -> dict[str, tuple[str, Order]]:
    """The engine's policy and the order of places of each placement; fixed weights are JLMU in a weighted order."""
    if spec.session_types:
        return {name: (title, partial(order_of, spec=spec, title=title)) for name, title in TYPED.items()}
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
    window = replay.window
    mean_load = _over(replay.spec, replay.active, window, recorded, window.begin, window.end).mean_sessions_per_pool
    there = [shape.mean_occupancies(float(load)) for load in loads]
    marked = [mean_load, float(loads.min()), float(loads.max())]
    mean = [float(weight) for weight in np.mean(there, axis=0)]
    return [*(shape.mean_occupancies(load) for load in marked), mean, [1.0] * len(shape.classes)]
