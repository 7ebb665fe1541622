"""Server-sent events of the dashboard, and the conversion of a snapshot to a frame."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Literal

from pydantic import TypeAdapter

from slta.core.fleet import FleetSpec
from slta.core.policies import Policy
from slta.models import Pool, Snapshot
from slta.models.errors import UtilitiesChangedError
from slta.models.request_record import Event
from slta.views.averages import AveragesObservation, observe_averages
from slta.views.expected_gap import ExpectedGap
from slta.views.next_placement import next_placement
from slta.views.state import Observation, enumeration, observe_state

WINDOW_SECONDS = 60
"""Window of the displayed gaps: instantaneous ones are too noisy."""

EVENTS_SECONDS = 600
"""Time range of the charts."""

MAX_SINGLE_POOLS = 200
"""Maximum pools drawn individually; larger fleets are drawn as distributions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """(i_r, j_r), the coordinate of rank r: pools of this class below this level have yellow tokens."""

    pool_class: str
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Data point of the charts; gaps are relative to the bound."""

    time: float
    utility_per_pool: float | None
    utility_bound_per_pool: float | None
    placement_gap: float | None
    swing_gap: float | None
    estimate_rank: int | None
    optimal_rank: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPolicy:
    """Policy as displayed."""

    name: str
    title: str
    summary: str
    has_thresholds: bool
    places: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Findings of the last audit by this process: their number, and the first."""

    findings: int
    first: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Fleet at one instant: `state` and `averages` as in the API.

    `pools` is null for large fleets, and may be slightly newer than `state` under constant change. `averages` is null
    in the first second, and if curves or capacities changed in the window. `events` cover the charts' time range,
    newest first. `damage` is null without findings. `next_placement` is the sentence of `GET …/next`.
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
class Hello:
    """First event of a stream: version of the page, available policies, and chart history."""

    page_version: str
    policies: list[ShownPolicy]
    store_epoch: int | None
    points: list[Point]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamError:
    """Error instead of a frame."""

    code: str
    detail: str


EventName = Literal["beginning", "frame", "trouble", "closing"]
_adapters = {kind: TypeAdapter(kind) for kind in (Frame, Hello, StreamError)}


def event(name: EventName, value: Frame | Hello | StreamError) -> str:
    """Format a server-sent event. JSON has no raw line breaks, so `data` is one line."""
    adapter: TypeAdapter[object] = _adapters[type(value)]
    return f"event: {name}\ndata: {adapter.dump_json(value).decode()}\n\n"


def frame(
    snapshot: Snapshot,
    spec: FleetSpec,
    pools: list[Pool] | None,
    expected: ExpectedGap,
    events: list[Event],
    damage: Damage | None,
) -> Frame:
    """Frame of a snapshot."""
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
    """Whether the fleet is small enough to draw individual pools."""
    pools = sum(c.counts[0] + c.draining_pools + c.failed_pools for c in snapshot.classes)
    return pools <= MAX_SINGLE_POOLS


def show_policy(policy: Policy) -> ShownPolicy:
    """Policy as displayed."""
    return ShownPolicy(**{field.name: getattr(policy, field.name) for field in fields(ShownPolicy)})


def _averages(snapshot: Snapshot, spec: FleetSpec, expected: ExpectedGap) -> AveragesObservation | None:
    older = snapshot.past.get(WINDOW_SECONDS)
    if older is None:
        return None
    try:
        return observe_averages(snapshot, older, spec, expected)
    except UtilitiesChangedError:
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
    """Whether pools and snapshot have the same occupancies."""
    listed = Counter((pool.pool_class, pool.occupancy) for pool in pools if pool.status == "active")
    counted = Counter(
        {
            (c.name, level): count - more
            for c in snapshot.classes
            for level, (count, more) in enumerate(pairwise([*c.counts, 0]))
            if count > more
        }
    )
    return listed == counted
