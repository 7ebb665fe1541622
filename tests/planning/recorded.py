"""A log that is the same on every machine, and what it lost, computed from the definitions alone."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from slta.core.fleet import FleetSpec

WEIGHTS = {"linear": 1, "quadratic": 1, "saturating": 2}
POOLS = {"linear": 6, "quadratic": 3, "saturating": 3}
FLEET = """\
fleet: arena
classes:
  - {name: linear, utility: {kind: linear, slope: 1}, capacity: 60, pools: 6}
  - {name: quadratic, utility: {kind: quadratic, linear: 2, quadratic: -0.05}, capacity: 40, pools: 3}
  - {name: saturating, utility: {kind: capped_linear, slope: 1.5, cap: 20}, capacity: 40, pools: 3}
"""
FIRST_START = 1_790_000_000.0


class Session(NamedTuple):
    start: float
    end: float
    pool: str


def least_connections(seconds: float, mean_seconds: float = 600.0) -> list[Session]:
    """A load that swings within two hours, on FLEET by weighted least connections with WEIGHTS."""
    draws, now = random.Random(3), 0.0
    live: dict[str, list[float]] = {}
    sessions: list[Session] = []
    pools = [f"{name}-{k}" for name, count in POOLS.items() for k in range(1, count + 1)]
    while True:
        load = 12 * (6.5 - 4 * math.cos(2 * math.pi * now / 7200))
        now = round(now + draws.expovariate(load / mean_seconds), 3)
        if now > seconds:
            return sessions
        live = {pool: [end for end in live.get(pool, []) if end > now] for pool in pools}
        pool = min(pools, key=lambda p: (fullness(p, live), p.rpartition("-")[0], draws.random()))
        end = round(now + draws.expovariate(1 / mean_seconds), 3)
        live[pool].append(end)
        sessions.append(Session(FIRST_START + now, FIRST_START + end, pool))


def fullness(pool: str, live: dict[str, list[float]]) -> float:
    return (len(live[pool]) + 1) / WEIGHTS[pool.rpartition("-")[0]]


def write_csv(sessions: Sequence[Session], path: Path) -> Path:
    rows = [f"{s.start:.3f},{s.end - s.start:.3f},{s.pool}" for s in sessions]
    path.write_text("\n".join(["start_s,duration_s,pool", *rows, ""]), encoding="utf-8")
    return path


class Means(NamedTuple):
    """Time averages of totals."""

    sessions: float
    utility: float
    optimum: float


def means(spec: FleetSpec, pools: dict[str, int], sessions: Sequence[Session], begin: float, end: float) -> Means:
    """⟨N⟩, ⟨U⟩ and ⟨U*(N)⟩ from `begin` to `end`: the state between any two events, looked up from scratch."""
    times = sorted({begin, end, *(t for s in sessions for t in s[:2] if begin < t < end)})
    places = sorted(
        (float(c.utility.marginal(x)) for c in spec.classes for x in range(c.capacity) for _ in range(pools[c.name])),
        reverse=True,
    )
    value = {c.name: [c.utility.value(x) for x in range(c.capacity + 1)] for c in spec.classes}
    totals = [0.0, 0.0, 0.0]
    for first, last in pairwise(times):
        live = [s.pool for s in sessions if s.start <= first < s.end]
        utility = sum(value[pool.rpartition("-")[0]][live.count(pool)] for pool in set(live))
        for k, total in enumerate((len(live), utility, sum(places[: len(live)]))):
            totals[k] += total * (last - first)
    return Means(*(total / (end - begin) for total in totals))
