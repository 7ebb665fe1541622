"""One placement of a log's sessions through the epochs of its fleet, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from slta.core.policies.choice import NOTHING
from slta.core.policies.tokens import Beta
from slta.core.ranking import Ranking
from slta_experiments.engine.simulate import Outcome, Run, simulate
from slta_experiments.fleets import FleetShape
from slta_experiments.workload import Floats, workload_of
from slta_planning.evaluate.active_pools import ActivePools, Epoch, Places

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
    """Sessions in order of their starts, in the window's seconds."""

    starts: Floats
    ends: Floats


@dataclass(frozen=True)
class Trajectory:
    """∫N, ∫U and ∫U*(N) from 0 to each of `times`, N per active pool then, and the pool of each session.

    A session has NOTHING if it was rejected or comes after the end. With session types there are more integrals, see
    `typed.TypedFleet.figures`, and the number of rejected sessions by type.
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
    active: ActivePools, sessions: Sessions, placement: Placement, times: Sequence[float], beta: Beta
) -> Trajectory:
    """Replay all epochs. Sessions on a pool that leaves are placed anew; in the log there are none."""
    pools = np.full(len(sessions.starts), NOTHING)
    alive = np.array([], dtype=np.int64)
    areas, rows = np.zeros(3), []
    for epoch in active.epochs:
        own = [*(t for t in times if epoch.begin <= t < epoch.end), epoch.end]
        ids, outcome = _simulated(epoch, sessions, _Held(alive, pools), placement, own, beta)
        pools[ids] = np.where(outcome.pools == NOTHING, NOTHING, epoch.pools[outcome.pools])
        alive = ids[(pools[ids] != NOTHING) & (sessions.ends[ids] > epoch.end)]
        rows.append((outcome.samples.times, areas + outcome.samples.areas, outcome.samples.sessions))
        areas = rows[-1][1][-1]
    at, sums, held = (np.concatenate(column) for column in zip(*rows, strict=True))
    return Trajectory(at, sums, held, pools)


@dataclass(frozen=True)
class _Held:
    """Sessions alive at the beginning of an epoch, and the pool of each session."""

    alive: NDArray[np.int64]
    pools: Places


def _simulated(
    epoch: Epoch, sessions: Sessions, held: _Held, placement: Placement, times: Sequence[float], beta: Beta
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
        beta=beta,
        order=placement.order(epoch.shape),
        columns=_columns(epoch, held.pools[staying]),
        rank=None if epoch.begin else 1,
        sample_times=times,
    )
    workload = workload_of(len(staying), arrivals, sessions.ends[ids], draws)
    return ids, simulate(epoch.shape, len(epoch.pools), placement.title, workload, run)


def _columns(epoch: Epoch, pools: Places) -> list[list[int]]:
    """Occupancy of each active pool, by class, from the pool of each session."""
    counts = np.bincount(np.searchsorted(epoch.pools, pools), minlength=len(epoch.pools))
    return [[int(x) for x in part] for part in np.split(counts, np.cumsum(epoch.shape.shares)[:-1])]
