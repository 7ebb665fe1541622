"""Server-sent events of the dashboard, and their content."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from pydantic import TypeAdapter

from slta.core.policies import Policy
from slta.dashboard.history import History
from slta.models import Pool
from slta.views.averages import AveragesObservation
from slta.views.next_placement import NextPlacement
from slta.views.state import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """(i_r, j_r), the coordinate of rank r: pools of this class below this level have yellow tokens."""

    pool_class: str
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPolicy:
    """Policy as displayed."""

    title: str
    has_thresholds: bool
    places: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Findings of the last audit: their number, and the first."""

    findings: int
    first: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Fleet at one instant: `state` and `averages` as in the API.

    `pools` is null for large fleets, and may be slightly newer than `state` under constant change. `away` are the pools
    that are not active, of a large fleet at most 200, as they were some seconds ago. `averages` and what least
    connections would lose are of the last minute, null in its first second, and if curves or capacities changed in it.
    `damage` is null without findings. `next_placement` is the sentence of `GET …/next`, `store` the word of `/readyz`.
    With session types `next_by_type` has that answer for each.
    """

    state: Observation
    averages: AveragesObservation | None
    least_connections_gap: float | None
    policy: ShownPolicy
    estimate: Estimate | None
    next_placement: str
    next_by_type: list[NextPlacement]
    pools: list[Pool] | None
    away: list[Pool]
    damage: Damage | None
    store: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """First event of a stream: version of the page."""

    page_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamError:
    """Error instead of a frame."""

    code: str
    detail: str


EventName = Literal["beginning", "history", "frame", "trouble", "closing"]
_adapters = {kind: TypeAdapter(kind) for kind in (Frame, Hello, History, StreamError)}


def event(name: EventName, value: Frame | Hello | History | StreamError) -> str:
    """Format a server-sent event. JSON has no raw line breaks, so `data` is one line."""
    adapter: TypeAdapter[object] = _adapters[type(value)]
    return f"event: {name}\ndata: {adapter.dump_json(value).decode()}\n\n"


def show_policy(policy: Policy) -> ShownPolicy:
    """Policy as displayed."""
    return ShownPolicy(**{field.name: getattr(policy, field.name) for field in fields(ShownPolicy)})
