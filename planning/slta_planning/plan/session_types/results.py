"""Results of a plan with session types as JSON. Utilities are time averages of the whole fleet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slta.core.policies import POLICIES
from slta_planning.plan.results import fleet_of, round_of, trials_of
from slta_planning.plan.rounds import Found
from slta_planning.plan.session_types.loads import TypedHour
from slta_planning.plan.session_types.simulation import TypedFigures, TypeFigures

PLACES_TYPES = next(name for name, policy in POLICIES.items() if policy.takes_types and policy.tokens)
"""The policy that is simulated, also where the fleet file observes."""


@dataclass(frozen=True)
class TypedRequest:
    """Parsed options: costs by class, hours, the share that may be refused, and floors by type or a budget."""

    classes: Sequence[str]
    types: Sequence[str]
    costs: Sequence[float]
    hours: list[TypedHour]
    floors: Sequence[float] | None
    budget: float | None
    refused: float

    def floor_at(self, hour: TypedHour) -> float | None:
        """Utility of the whole fleet to be reached."""
        if self.floors is None:
            return None
        return sum(floor * sessions for floor, sessions in zip(self.floors, hour.sessions, strict=True))


@dataclass(frozen=True)
class TypedPlan:
    """ρ of the reserves, what was found with it, and what one more pool of each class adds to the bound."""

    reserve: float
    found: Found[TypedFigures]
    adds: Sequence[float]


def typed_results(request: TypedRequest, answer: TypedPlan) -> dict[str, Any]:
    """All figures."""
    return {
        "policy": PLACES_TYPES,
        "reserve": answer.reserve,
        **fleet_of(request.classes, answer.found),
        "floor": dict(zip(request.types, request.floors, strict=True)) if request.floors else None,
        "budget": request.budget,
        "refused": request.refused,
        "hours": [_hour(request, *row) for row in zip(request.hours, answer.found.fleet.hours, strict=True)],
        "classes": {
            name: {"cost": cost, "adds": adds, "adds_per_cost": adds / cost}
            for name, cost, adds in zip(request.classes, request.costs, answer.adds, strict=True)
        },
        "rounds": [{**round_of(request.classes, found), "refused": found.refusing} for found in answer.found.rounds],
        "looked": trials_of(answer.found.trials),
    }


def _hour(request: TypedRequest, hour: TypedHour, seen: TypedFigures) -> dict[str, Any]:
    """An hour without sessions has no types, and nothing is measured."""
    return {
        "hour": hour.name or None,
        "sessions": hour.total,
        "floor": request.floor_at(hour),
        "bound": seen.bound,
        "compatibility_gap": seen.compatibility_gap,
        "measured_utility": seen.measured.mean if seen.runs else None,
        "measured_error": seen.measured.error if seen.runs else None,
        "runs": seen.runs,
        "measured_sessions": seen.sessions,
        "session_types": {
            name: _type(request, found) for name, found in zip(request.types, seen.types, strict=False) if found.offered
        },
    }


def _type(request: TypedRequest, found: TypeFigures) -> dict[str, Any]:
    return {
        "offered": found.offered,
        "refused": found.refused.mean,
        "refused_error": found.refused.error,
        "price": found.price,
        "sessions": dict(zip(request.classes, found.sessions, strict=True)),
    }
