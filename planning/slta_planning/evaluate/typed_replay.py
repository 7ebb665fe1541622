"""Placements of a log whose sessions have types, and their gaps to the bound that respects the types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from slta.core.fleet import FleetSpec
from slta.core.gaps import Averages, Gaps, TypeAverages, gaps
from slta.core.policies.choice import NOTHING
from slta_experiments.workload import Floats
from slta_planning.evaluate.active_pools import ActivePools
from slta_planning.evaluate.reading import Log
from slta_planning.evaluate.trajectory import Trajectory
from slta_planning.evaluate.typed import Chooser, TypedFleet, TypedSessions, jlmu, recorded, typed_trajectory
from slta_planning.evaluate.window import Window

RESTRICTED = "jlmu_restricted"
"""JLMU among the classes of the type, without prices."""


class TypedTrajectories(NamedTuple):
    """The recorded placement, the others by name, and the sessions that all of them were given."""

    recorded: Trajectory
    others: Mapping[str, Trajectory]
    sessions: TypedSessions


def typed_trajectories(
    spec: FleetSpec, log: Log, window: Window, active: ActivePools, draws: Floats, ran: Callable[[int, int], None]
) -> TypedTrajectories:
    """Replay a log. Sessions on a full pool are excluded everywhere."""
    pools = log.numbers.pools(spec.class_names())
    classes = np.repeat(np.arange(len(pools)), pools)

    def replayed(sessions: TypedSessions, chooser: Chooser) -> Trajectory:
        return typed_trajectory(TypedFleet(spec, classes), active.epochs, sessions, chooser, window.times)

    sessions = TypedSessions(log.starts - window.origin, log.ends - window.origin, log.kinds)
    places = log.numbers.places(spec.class_names())[log.pools]
    as_recorded = replayed(sessions, recorded(places))
    kept = (as_recorded.pools != NOTHING) | (sessions.starts >= window.end)
    log.lines.overlapping = int((~kept).sum())
    kept_sessions = TypedSessions(sessions.starts[kept], sessions.ends[kept], sessions.kinds[kept])
    choosers = {name: jlmu(draws[kept], with_prices=name != RESTRICTED) for name in (RESTRICTED, "jlmu")}
    found = {}
    for number, (name, chooser) in enumerate(choosers.items(), 2):
        ran(number, len(choosers) + 1)
        found[name] = replayed(kept_sessions, chooser).without_pools()
    return TypedTrajectories(as_recorded.without_pools(), found, kept_sessions)


def typed_gaps(spec: FleetSpec, active: ActivePools, areas: Floats, mean_pools: Sequence[float]) -> Gaps | None:
    """Gaps of means, as `TypedFleet.figures`, with so many pools of each class."""
    named = dict(zip((c.name for c in active.shape.classes), mean_pools, strict=True))
    sessions, utility, free, best, *by_type = (float(area) for area in areas)
    types = TypeAverages(spec.type_sets, tuple(by_type), best)
    pools = tuple(named.get(name, 0.0) for name in spec.class_names())
    return gaps(spec.bound_ranking, Averages(pools, sessions, utility, free, types))
