"""Scale advice for a fleet, from the lines of its history and its pools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from slta.core.fleet import FleetSpec
from slta.core.scaling.offered import HEADROOM, SPARE, Line, Now, Offered, mean_stay_of, offered_of
from slta.core.scaling.removal import PoolState, Removal, pods_of, removal_of
from slta.core.scaling.settings import Scale
from slta.core.scaling.wanted import Counts, Demand, Held, limited, most_of
from slta.core.scaling.withheld import Health, Withheld, reason_to_withhold


class Present(NamedTuple):
    """A fleet now: its pools, and its sessions and refusals by type."""

    pools: Sequence[PoolState]
    sessions: Now
    health: Health = Health()


@dataclass(frozen=True)
class Advice:
    """Pools `wanted` of each class next, beside the active ones `now`, and which may go; times in seconds.

    `demand` is the offered load with its margin, for which `target` would be right.
    """

    offered: Offered
    hold_seconds: float
    mean_stay: float | None
    demand: Demand
    now: Counts
    target: Counts
    wanted: Counts
    removals: Sequence[Removal]


def advise(spec: FleetSpec, scale: Scale, lines: Sequence[Line], present: Present) -> Advice | Withheld:
    """The advice from lines, oldest first, that reach back a hold and the longest lead."""
    mean_stay, now = mean_stay_of(lines), _counts(scale, (pool for pool in present.pools if pool.is_active))
    hold = scale.hold(mean_stay or 0.0)
    if reason := reason_to_withhold(present.health, lines, hold, scale.lead_seconds):
        rows = zip(now, scale.classes, strict=True)
        return Withheld(reason, tuple(max(0, min(most_of(count, count), own.most) - count) for count, own in rows))
    offered = offered_of(spec, lines, hold, present.sessions, scale.lead_seconds)
    demand, pods = Demand(spec, scale, offered.with_margin), pods_of(present.pools, len(now))
    draining = _counts(scale, (pool for pool in present.pools if pool.sessions and not pool.is_active))
    held = map(Held, now, draining, _earlier(scale, lines), (max(map(len, own), default=1) for own in pods))
    target = demand.target(now)
    wanted = limited(demand, _steady(demand, target, now, offered), list(held))
    removals = [removal_of(*row, mean_stay) for row in zip(pods, now, wanted, strict=True)]
    return Advice(offered, hold, mean_stay, demand, now, target, wanted, removals)


def _steady(demand: Demand, target: Counts, now: Counts, offered: Offered) -> Counts:
    """The target, with more pools of classes that it lets grow, and present ones beyond it that more load needs."""

    def needed(deviations: float) -> Counts:
        return replace(demand, loads=offered.with_more(deviations)).target(now)

    if demand.floor is None:
        return target
    if any(count > own for count, own in zip(target, now, strict=True)):
        rows = zip(target, now, needed(HEADROOM), strict=True)
        target = tuple(max(count, more) if count > own else count for count, own, more in rows)
    if any(count < own for count, own in zip(target, now, strict=True)):
        rows = zip(target, now, needed(SPARE), strict=True)
        target = tuple(max(count, min(own, more)) for count, own, more in rows)
    return target


def _counts(scale: Scale, pools: Iterable[PoolState]) -> Counts:
    found = Counter(pool.pool_class for pool in pools)
    return tuple(found[c] for c in range(len(scale.classes)))


def _earlier(scale: Scale, lines: Sequence[Line]) -> list[float]:
    """Active pools of each class before its lead."""
    due = [lines[-1].end - own.lead_seconds for own in scale.classes]
    lines_at = [next((line for line in lines if line.end > moment), lines[-1]) for moment in due]
    return [line.pools[c] for c, line in enumerate(lines_at)]
