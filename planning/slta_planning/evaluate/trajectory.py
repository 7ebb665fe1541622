"""One placement of a log's sessions through the epochs of its fleet, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from slta.core.fleet import FleetSpec
from slta.core.policies.choice import NOTHING
from slta.core.ranking import Ranking
from slta_experiments.engine.simulate import Outcome, Run, simulate
from slta_experiments.fleets import FleetShape
from slta_experiments.workload import Floats, elapsed, workload_of
from slta_planning.evaluate.active_pools import ActivePools, Epoch, Places
from slta_planning.evaluate.assignment import Assignment
from slta_planning.simulation import sets_of

Order = Callable[[FleetShape], Ranking]
"""Order of the places of the pools that are active."""


@dataclass(frozen=True)
class Placement:
    """A policy of the engine: its order of a fleet's places, and its draws for sessions in an epoch."""

    title: str
    order: Order
    draws: Callable[[Epoch, Places], Floats]


@dataclass(frozen=True)
class Sessions:
    """Sessions in order of their starts, in the window's seconds, and the number of their type."""

    starts: Floats
    ends: Floats
    kinds: Places


@dataclass(frozen=True)
class Trajectory:
    """∫N, ∫U and ∫U*(N) from 0 to each of `times`, N per active pool then, and the pool of each session.

    A session has NOTHING if it was rejected or comes after the end; `refused` are the rejected ones by type. With
    session types there are more integrals: of U*(N_1 … N_T, A), and of each N_t.
    """

    times: Floats
    areas: Floats
    sessions: Floats
    pools: Places
    refused: Mapping[str, int] = field(default_factory=dict)

    def without_pools(self) -> Trajectory:
        """Its figures alone: of a long log the pools are most of the memory."""
        return replace(self, pools=self.pools[:0].copy())


def trajectory_of(
    spec: FleetSpec, active: ActivePools, sessions: Sessions, placement: Placement, times: Sequence[float]
) -> Trajectory:
    """Replay all epochs. Sessions on a pool that leaves are placed anew; in the log there are none."""
    pools = np.full(len(sessions.starts), NOTHING)
    alive = np.array([], dtype=np.int64)
    areas, refused, rows = np.zeros(1), np.zeros(len(spec.type_names), dtype=np.int64), []
    for epoch in active.epochs:
        own = [*(t for t in times if epoch.begin <= t < epoch.end), epoch.end]
        ids, outcome = _simulated(spec, epoch, sessions, _Held(alive, pools), placement, own)
        pools[ids] = np.where(outcome.pools == NOTHING, NOTHING, epoch.pools[outcome.pools])
        placed = ids[pools[ids] != NOTHING]
        alive = placed[sessions.ends[placed] > epoch.end]
        found = outcome.samples.areas
        if spec.session_types:
            found = np.hstack([found, _areas_of_types(spec, epoch, sessions, placed, own)])
        rows.append((outcome.samples.times, areas + found, outcome.samples.sessions))
        areas, refused = rows[-1][1][-1], refused + outcome.refused
    at, sums, held = (np.concatenate(column) for column in zip(*rows, strict=True))
    return Trajectory(at, sums, held, pools, dict(zip(spec.type_names, map(int, refused), strict=True)))


def _areas_of_types(
    spec: FleetSpec, epoch: Epoch, sessions: Sessions, placed: Places, times: Sequence[float]
) -> Floats:
    """∫U*(N_1 … N_T, A) and each ∫N_t from the epoch's begin to each time, of the sessions placed in it."""
    starts, ends = np.maximum(sessions.starts[placed], epoch.begin), np.minimum(sessions.ends[placed], epoch.end)
    kinds, at = sessions.kinds[placed], np.array(times)
    pools = dict(zip((c.name for c in epoch.shape.classes), epoch.shape.shares, strict=True))
    best = Assignment(spec.type_sets, [pools.get(name, 0) for name in spec.class_names()], spec.integers.marginals)
    moments, ending = np.concatenate([starts, ends]), np.repeat([False, True], len(placed))
    order = np.lexsort((ending, moments))  # at equal times arrivals come first, as in the engine
    levels = [0]
    for kind, is_end in zip(np.tile(kinds, 2)[order].tolist(), ending[order].tolist(), strict=True):
        best.remove(kind) if is_end else best.add(kind)
        levels.append(best.utility)
    edges = np.concatenate([[epoch.begin], moments[order], [epoch.end]])
    sums = np.concatenate([[0.0], np.cumsum(np.array(levels, dtype=float) * np.diff(edges))])
    by_type = [elapsed(at, starts[kinds == t]) - elapsed(at, ends[kinds == t]) for t in range(len(spec.type_names))]
    return np.column_stack([np.interp(at, edges, sums) / 10.0**spec.integers.exponent, *by_type])


@dataclass(frozen=True)
class _Held:
    """Sessions alive at the beginning of an epoch, and the pool of each session."""

    alive: NDArray[np.int64]
    pools: Places


def _simulated(
    spec: FleetSpec, epoch: Epoch, sessions: Sessions, held: _Held, placement: Placement, times: Sequence[float]
) -> tuple[NDArray[np.int64], Outcome]:
    """Numbers of the sessions in an epoch, in the engine's order, and its outcome."""
    stays = np.isin(held.pools[held.alive], epoch.pools)
    staying, moved = held.alive[stays], held.alive[~stays]
    staying = staying[np.argsort(held.pools[staying], kind="stable")]  # the engine counts them pool by pool
    coming = np.arange(*np.searchsorted(sessions.starts, [epoch.begin, epoch.end]))
    placed = np.concatenate([moved, coming])
    ids = np.concatenate([staying, placed])
    arrivals = np.maximum(sessions.starts[placed], epoch.begin)
    draws = placement.draws(epoch, placed)
    run = Run(
        horizon=epoch.end,
        warm_up=epoch.begin,
        beta=spec.beta,
        order=placement.order(epoch.shape),
        columns=_columns(epoch, held.pools[staying]),
        rank=None if epoch.begin else 1,
        sample_times=times,
        sets=sets_of(spec, epoch.shape),
        reserve=spec.reserve,
    )
    workload = workload_of(len(staying), arrivals, sessions.ends[ids], draws, sessions.kinds[ids])
    return ids, simulate(epoch.shape, len(epoch.pools), placement.title, workload, run)


def _columns(epoch: Epoch, pools: Places) -> list[list[int]]:
    """Occupancy of each active pool, by class, from the pool of each session."""
    counts = np.bincount(np.searchsorted(epoch.pools, pools), minlength=len(epoch.pools))
    return [[int(x) for x in part] for part in np.split(counts, np.cumsum(epoch.shape.shares)[:-1])]
