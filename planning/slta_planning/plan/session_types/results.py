"""Results of a plan with session types as JSON. Utilities are time averages of the whole fleet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slta.core.policies import POLICIES
from slta_planning.plan.results import fleet_of, looked_of, round_of
from slta_planning.plan.rounds import Found
from slta_planning.plan.session_types.loads import TypedHour
from slta_planning.plan.session_types.playing import TypedFigures, TypeFigures

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
    """What was found, and what one more pool of each class adds to the bound."""

    found: Found[TypedFigures]
    adds: Sequence[float]


def typed_results(asked: TypedRequest, answer: TypedPlan) -> dict[str, Any]:
    """All figures."""
    return {
        "policy": PLACES_TYPES,
        **fleet_of(asked.classes, answer.found),
        "floor": dict(zip(asked.types, asked.floors, strict=True)) if asked.floors else None,
        "budget": asked.budget,
        "refused": asked.refused,
        "hours": [_hour(asked, *row) for row in zip(asked.hours, answer.found.fleet.hours, strict=True)],
        "classes": {
            name: {"cost": cost, "adds": adds, "adds_per_cost": adds / cost}
            for name, cost, adds in zip(asked.classes, asked.costs, answer.adds, strict=True)
        },
        "rounds": [{**round_of(asked.classes, found), "refused": found.refusing} for found in answer.found.rounds],
        "looked": looked_of(answer.found.looked),
    }


def _hour(asked: TypedRequest, hour: TypedHour, seen: TypedFigures) -> dict[str, Any]:
    """An hour without sessions has no types, and nothing is measured."""
    return {
        "hour": hour.name or None,
        "sessions": hour.total,
        "floor": asked.floor_at(hour),
        "bound": seen.bound,
        "compatibility_gap": seen.compatibility_gap,
        "measured_utility": seen.played.mean if seen.runs else None,
        "measured_error": seen.played.error if seen.runs else None,
        "runs": seen.runs,
        "measured_sessions": seen.sessions,
        "session_types": {
            name: _type(asked, found) for name, found in zip(asked.types, seen.types, strict=False) if found.offered
        },
    }


def _type(asked: TypedRequest, found: TypeFigures) -> dict[str, Any]:
    return {
        "offered": found.offered,
        "refused": found.refused.mean,
        "refused_error": found.refused.error,
        "price": found.price,
        "sessions": dict(zip(asked.classes, found.sessions, strict=True)),
    }
