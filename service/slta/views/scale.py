"""Scale advice of a fleet: its history, snapshot and pools as what the advice is computed from, and the answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from slta.core.fleet import FleetSpec
from slta.core.scaling.advice import Advice, Present
from slta.core.scaling.offered import Line, Now
from slta.core.scaling.removal import Draining, PoolState
from slta.core.scaling.withheld import Health
from slta.models import MICROSECONDS, Arrivals, Integrals, Pool, Snapshot
from slta.views.averages import difference
from slta.views.history import is_comparable

POD_LABEL = "slta.pod"
"""Label of the pod that a pool is in: pools with the same one go together."""
NAMED = 3
"""Pools, and classes, that a sentence names."""
SHORTEST_SECONDS = 30
MINUTES_FROM = 100
"""Seconds above which a sentence says minutes."""
NOTHING = Arrivals(0, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScaleObservation:
    """Pools of a class.

    - `wanted`: active pools next, within the limits of a step; `now`: those that there are. `target`: what the load
      needs, without these limits; `mix`: the same before it is rounded and compared with the present pools.
    - `replicas`: pods to run, with those whose draining pools are not empty.
    - `drain`: pools to drain now, emptiest first. `ready`: drained and empty, may be removed.
    """

    name: str
    wanted: int
    now: int
    target: int
    mix: float
    replicas: int
    min: int
    max: int | None
    cost: float
    drain: list[Draining]
    ready: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleObservation:
    """How many pools of each class a fleet needs, and which may go.

    - `hypothetical`: whether the query replaced settings of the fleet.
    - `offered_sessions`: the largest load of the last `hold_seconds`, with sessions that were refused;
      `margin_sessions` are added to it.
    - `mean_stay_seconds`: null if no session was assigned. `cost`: of the pools that are wanted. `floor`: utility per
      session that is aimed at, null with a budget.
    """

    hypothetical: bool
    sentence: str
    offered_sessions: float
    margin_sessions: float
    hold_seconds: float
    mean_stay_seconds: float | None
    cost: float
    floor: float | None
    classes: list[ClassScaleObservation]


def lines_of(ring: Sequence[Integrals], now: Integrals) -> list[Line]:
    """Intervals between comparable lines of the history, which are newest first, and up to now; oldest first.

    The last one is at least `SHORTEST_SECONDS` long: fewer arrivals say nothing about the share that was refused.
    """
    due = now.time - SHORTEST_SECONDS * MICROSECONDS
    older = [line for line in reversed(ring) if is_comparable(line, now)]
    ends = [*older[:1], *(line for line in older[1:] if line.time <= due), now]
    return [_line(*pair) for pair in pairwise(ends) if pair[0].time != now.time]


def _line(older: Integrals, newer: Integrals) -> Line:
    elapsed = newer.time - older.time
    sessions = [(newer.sessions, older.sessions)]
    if newer.types and older.types:
        sessions = list(zip(newer.types.sessions, older.types.sessions, strict=True))
    came, before = newer.arrivals or NOTHING, older.arrivals or NOTHING
    return Line(
        newer.time / MICROSECONDS,
        elapsed / MICROSECONDS,
        tuple(difference(*ends) / elapsed for ends in sessions),
        tuple(difference(*ends) / elapsed for ends in zip(newer.pools, older.pools, strict=True)),
        max(0, came.assigned - before.assigned),
        max(0, came.refused_ids - before.refused_ids),
    )


def present_of(snapshot: Snapshot, spec: FleetSpec, pools: Sequence[Pool]) -> Present:
    """A snapshot and the pools. Those of classes that `spec` has not are left out."""
    number = {name: c for c, name in enumerate(spec.class_names())}
    kinds = snapshot.types
    return Present(
        [_state(pool, number[pool.pool_class]) for pool in pools if pool.pool_class in number and _counts(pool)],
        Now(
            [kind.sessions for kind in kinds] or [snapshot.sessions],
            [kind.other_sessions for kind in kinds] or [snapshot.draining_sessions],
            [kind.refused["no_capacity"] + kind.refused["no_active_pool"] for kind in kinds] or [0],
        ),
        Health(
            snapshot.suspect,
            any(c.guard == "on" or c.leased_pools["unconfirmed"] for c in snapshot.classes),
            sum(pool.liveness == "lost" for pool in pools),
            -math.inf if snapshot.resumed_at is None else snapshot.resumed_at / MICROSECONDS,
        ),
    )


def _counts(pool: Pool) -> bool:
    return pool.status != "failed" and pool.liveness in ("alive", "unconfirmed")


def _state(pool: Pool, pool_class: int) -> PoolState:
    pod = pool.labels.get(POD_LABEL, pool.pool_id)
    return PoolState(pool.pool_id, pool_class, pool.takes_sessions, pool.occupancy, pod)


def observe_scale(advice: Advice, *, hypothetical: bool) -> ScaleObservation:
    """Response of `GET …/scale`."""
    demand, loads = advice.demand, sum(advice.offered.with_margin)
    mix = demand.mix(range(len(advice.now)))
    numbers = (demand.spec.class_names(), demand.scale.classes, advice.wanted, advice.now, advice.target, mix)
    return ScaleObservation(
        hypothetical=hypothetical,
        sentence=sentence_of(advice),
        offered_sessions=sum(advice.offered.sessions),
        margin_sessions=sum(advice.offered.margin),
        hold_seconds=advice.hold_seconds,
        mean_stay_seconds=advice.mean_stay,
        cost=demand.cost(advice.wanted),
        floor=None if demand.floor is None else demand.floor / loads,
        classes=[
            ClassScaleObservation(
                name=name,
                wanted=wanted,
                now=now,
                target=target,
                mix=mix,
                min=own.min,
                max=own.max,
                cost=own.cost,
                **removal._asdict(),
            )
            for name, own, wanted, now, target, mix, removal in zip(*numbers, advice.removals, strict=True)
        ],
    )


def sentence_of(advice: Advice) -> str:
    """What to do, and what that does to the offered load."""
    rows = zip(advice.demand.spec.class_names(), advice.wanted, advice.now, strict=True)
    more = [f"{wanted - now} more of {name}" for name, wanted, now in rows if wanted > now]
    drain = [pool for removal in advice.removals for pool in removal.drain]
    more = [*more[:NAMED], *([f"more of {len(more) - NAMED} other classes"] if more[NAMED:] else [])]
    parts = [f"This load needs {' and '.join(more)}."] if more else []
    if drain:
        of_load = replace(advice.demand, loads=advice.offered.sessions)
        kept, now = of_load.utility(advice.wanted), of_load.utility(advice.now)
        share = f" this load keeps {100 * kept / now:.1f} % of the bound" if min(kept, now) > 0 else ""
        fewer = f"With {len(drain)} pool{'s' * (len(drain) > 1)} fewer{share}; "
        ids = [*(pool.pool_id for pool in drain[:NAMED]), *([f"{len(drain) - NAMED} more"] if drain[NAMED:] else [])]
        seconds = max(pool.empty_in_seconds or 0.0 for pool in drain)
        time = f"{seconds / 60:.0f} minutes" if seconds > MINUTES_FROM else f"{seconds:.0f} seconds"
        when = "" if advice.mean_stay is None else f", empty in about {time}"
        parts.append(f"{'' if more else fewer}{' and '.join(ids)} go{when}.")
    if advice.demand.without_room > 0 or not advice.demand.suffices(advice.target):
        parts.append("The limits allow no more, which is too little.")
    return " ".join(parts) or "This load needs the pools that there are."
