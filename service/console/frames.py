"""What the page is told each second, as server-sent events."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from pydantic import TypeAdapter

from service.core.fleet import FleetSpec
from service.core.policies import Policy
from service.errors import UtilitiesChanged
from service.observation import (
    AveragesObservation,
    Expected,
    Observation,
    enumeration,
    next_placement,
    observe_averages,
    observe_state,
)
from service.requests import Event
from service.values import Pool, Snapshot

WINDOW_SECONDS = 60
"""The gaps that the page shows are averages over the last minute: one instant says little."""

EVENTS_SECONDS = 600
"""As far back as the page's charts reach."""

MOST_SINGLE_POOLS = 200
"""Larger fleets are shown by their distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """(i_r, j_r): the coordinate that r stands for; pools of this class below this level have yellow tokens."""

    pool_class: str
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What the charts keep of a frame; gaps relative to the bound."""

    time: float
    utility_per_pool: float | None
    utility_bound_per_pool: float | None
    placement_gap: float | None
    swing_gap: float | None
    estimate_rank: int | None
    optimal_rank: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPolicy:
    """A row of the table of policies, as far as the page shows it."""

    name: str
    title: str
    summary: str
    has_thresholds: bool
    places: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What the last audit by this process found damaged: how much, and the first of it as a sentence."""

    findings: int
    first: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A fleet at one instant: `state` and `averages` as the API gives them.

    `pools` is null for large fleets; where sessions come and go all the time they may be some further than the state.
    `averages` is null within the first second, and while curves or capacities changed in the window. `events` are those
    of the time that the charts show, the newest first. `damage` is null where no audit found any. `next_placement` says
    where the next session goes, and why.
    """

    state: Observation
    averages: AveragesObservation | None
    point: Point
    policy: ShownPolicy
    estimate: Estimate | None
    next_placement: str
    pools: list[Pool] | None
    events: list[Event]
    damage: Damage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What a page learns first: its newest version, what it may offer, and what happened before it was opened."""

    page_version: str
    policies: list[ShownPolicy]
    store_epoch: int | None
    points: list[Point]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why there is no frame now."""

    code: str
    detail: str


EventName = Literal["beginning", "frame", "trouble", "closing"]
_adapters = {kind: TypeAdapter(kind) for kind in (Frame, Beginning, Trouble)}


def event(name: EventName, value: Frame | Beginning | Trouble) -> str:
    """A server-sent event. JSON has no raw line breaks, so `data` is one line."""
    adapter: TypeAdapter[object] = _adapters[type(value)]
    return f"event: {name}\ndata: {adapter.dump_json(value).decode()}\n\n"


def frame(
    snapshot: Snapshot,
    spec: FleetSpec,
    pools: list[Pool] | None,
    expected: Expected,
    events: list[Event],
    damage: Damage | None,
) -> Frame:
    """A snapshot in the page's terms."""
    state, averages = observe_state(snapshot, spec, expected), _averages(snapshot, spec, expected)
    return Frame(
        state=state,
        averages=averages,
        point=_point(state, averages),
        policy=show_policy(spec.policy),
        estimate=_estimate(snapshot, spec),
        next_placement=next_placement(snapshot, spec).sentence,
        pools=pools,
        events=events,
        damage=damage,
    )


def shows_single_pools(snapshot: Snapshot) -> bool:
    """Whether there are few enough pools."""
    pools = sum(c.counts[0] + c.draining_pools + c.failed_pools for c in snapshot.classes)
    return pools <= MOST_SINGLE_POOLS


def show_policy(policy: Policy) -> ShownPolicy:
    """A policy in the page's terms."""
    return ShownPolicy(
        name=policy.name,
        title=policy.title,
        summary=policy.summary,
        has_thresholds=policy.has_thresholds,
        places=policy.places,
    )


def _averages(snapshot: Snapshot, spec: FleetSpec, expected: Expected) -> AveragesObservation | None:
    older = snapshot.past.get(WINDOW_SECONDS)
    if older is None:
        return None
    try:
        return observe_averages(snapshot, older, spec, expected)
    except UtilitiesChanged:
        return None


def _estimate(snapshot: Snapshot, spec: FleetSpec) -> Estimate | None:
    if not snapshot.rank:
        return None
    found = enumeration(spec, [c.counts[0] for c in snapshot.classes]).coordinate(snapshot.rank)
    return Estimate(pool_class=snapshot.classes[found.pool_class].name, level=found.level)


def _point(state: Observation, averages: AveragesObservation | None) -> Point:
    return Point(
        time=state.time,
        utility_per_pool=state.utility_per_pool,
        utility_bound_per_pool=state.utility_bound_per_pool,
        placement_gap=averages.relative_placement_gap if averages else None,
        swing_gap=averages.relative_swing_gap if averages else None,
        estimate_rank=state.estimate_rank,
        optimal_rank=state.optimal_rank,
    )


def agree(snapshot: Snapshot, pools: list[Pool]) -> bool:
    """Whether the pools hold what the snapshot counts."""
    held = Counter((pool.pool_class, pool.occupancy) for pool in pools if pool.status == "active")
    counted = Counter(
        {
            (c.name, level): count - more
            for c in snapshot.classes
            for level, (count, more) in enumerate(pairwise([*c.counts, 0]))
            if count > more
        }
    )
    return held == counted
