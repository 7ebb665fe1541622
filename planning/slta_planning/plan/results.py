"""Results of a plan as JSON. Utilities are time averages of the whole fleet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slta_planning.plan.expected import ExpectedFigures, Worth
from slta_planning.plan.rounds import Figure, Found, Looked, Round
from slta_planning.plan.wanted import Hour
from slta_planning.playing import Measured


@dataclass(frozen=True)
class PlanRequest:
    """Parsed options: costs by class, hours, and a floor per session or a budget."""

    classes: Sequence[str]
    costs: Sequence[float]
    hours: Sequence[Hour]
    floor: float | None
    budget: float | None
    policy: str


@dataclass(frozen=True)
class Plan:
    """What was found, and `played`: the measured utility of each hour, None if not simulated."""

    found: Found[ExpectedFigures]
    worths: Sequence[Worth]
    played: Sequence[Measured | None]


def results(asked: PlanRequest, answer: Plan) -> dict[str, Any]:
    """All figures."""
    return {
        "policy": asked.policy,
        **fleet_of(asked.classes, answer.found),
        "floor": asked.floor,
        "budget": asked.budget,
        "hours": [_hour(asked, *row) for row in zip(asked.hours, answer.found.fleet.hours, answer.played, strict=True)],
        "classes": {
            name: {"cost": cost, "adds": worth.adds, "adds_per_cost": worth.adds / cost, "pool_worth": worth.metric}
            for name, cost, worth in zip(asked.classes, asked.costs, answer.worths, strict=True)
        },
        "rounds": [round_of(asked.classes, found) for found in answer.found.rounds],
        "looked": looked_of(answer.found.looked),
    }


def fleet_of(classes: Sequence[str], found: Found[Figure]) -> dict[str, Any]:
    """The fleet found, and whether the first round's was proven the cheapest."""
    return {
        "pools": dict(zip(classes, found.fleet.pools, strict=True)),
        "cost": found.fleet.cost,
        "proven": found.rounds[0].proven,
    }


def round_of(classes: Sequence[str], found: Round[Figure]) -> dict[str, Any]:
    """What a round found and missed."""
    return {"pools": dict(zip(classes, found.pools, strict=True)), "cost": found.cost, "missing": found.missing}


def looked_of(looked: Looked[Figure] | None) -> dict[str, Any] | None:
    """The mixes looked at; None for a budget."""
    return {"mixes": looked.mixes, "none_below": looked.below} if looked else None


def _hour(asked: PlanRequest, hour: Hour, seen: ExpectedFigures, played: Measured | None) -> dict[str, Any]:
    return {
        "hour": hour.name or None,
        "sessions": hour.sessions,
        "floor": None if asked.floor is None else asked.floor * hour.sessions,
        "bound": seen.bound,
        "expected_swing_gap": seen.swing_gap,
        "expected_placement_gap": seen.placement_gap,
        "predicted": seen.lost.predicted,
        "expected_utility": seen.utility,
        "refused": seen.refused,
        "price": seen.price,
        "measured_utility": played.mean if played else None,
        "measured_error": played.error if played else None,
    }
