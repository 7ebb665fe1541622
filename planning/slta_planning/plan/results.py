"""Results of a plan as JSON. Utilities are time averages of the whole fleet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slta_planning.plan.expected import ExpectedFigures, Worth
from slta_planning.plan.options import Hour
from slta_planning.plan.rounds import Figure, Found, Round, Trials
from slta_planning.simulation import Measured


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
    """What was found, and the `measured` utility of each hour, None if not simulated."""

    found: Found[ExpectedFigures]
    worths: Sequence[Worth]
    measured: Sequence[Measured | None]


def results(request: PlanRequest, answer: Plan) -> dict[str, Any]:
    """All figures."""
    hours = zip(request.hours, answer.found.fleet.hours, answer.measured, strict=True)
    return {
        "policy": request.policy,
        **fleet_of(request.classes, answer.found),
        "floor": request.floor,
        "budget": request.budget,
        "hours": [_hour(request, *row) for row in hours],
        "classes": {
            name: {"cost": cost, "adds": worth.adds, "adds_per_cost": worth.adds / cost, "pool_worth": worth.metric}
            for name, cost, worth in zip(request.classes, request.costs, answer.worths, strict=True)
        },
        "rounds": [round_of(request.classes, found) for found in answer.found.rounds],
        "looked": trials_of(answer.found.trials),
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


def trials_of(trials: Trials[Figure] | None) -> dict[str, Any] | None:
    """The mixes tried; None for a budget."""
    return {"mixes": trials.mixes, "none_below": trials.below} if trials else None


def _hour(request: PlanRequest, hour: Hour, seen: ExpectedFigures, measured: Measured | None) -> dict[str, Any]:
    return {
        "hour": hour.name or None,
        "sessions": hour.sessions,
        "floor": None if request.floor is None else request.floor * hour.sessions,
        "bound": seen.bound,
        "expected_swing_gap": seen.swing_gap,
        "expected_placement_gap": seen.placement_gap,
        "predicted": seen.lost.predicted,
        "expected_utility": seen.utility,
        "refused": seen.refused,
        "price": seen.price,
        "measured_utility": measured.mean if measured else None,
        "measured_error": measured.error if measured else None,
    }
