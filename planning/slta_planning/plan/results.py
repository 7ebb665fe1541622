"""Results of a plan as JSON. Utilities are time averages of the whole fleet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from slta_planning.plan.expected import ExpectedFigures, Worth
from slta_planning.plan.loads import Hour
from slta_planning.plan.rounds import Figures, Found, Round
from slta_planning.plan.simulation import SimulatedFigures, TypeFigures
from slta_planning.simulation import Measured


@dataclass(frozen=True)
class PlanRequest:
    """Parsed options: costs by class, hours, the share that may be refused, and floors by type or a budget."""

    classes: Sequence[str]
    types: Sequence[str]
    costs: Sequence[float]
    hours: Sequence[Hour]
    floors: Sequence[float] | None
    budget: float | None
    refused: float
    policy: str

    def floor_at(self, hour: Hour) -> float | None:
        """Utility of the whole fleet to be reached."""
        if self.floors is None:
            return None
        return sum(floor * sessions for floor, sessions in zip(self.floors, hour.sessions, strict=True))


@dataclass(frozen=True)
class Plan:
    """What was found with ρ for the reserves, and the `measured` utility of each hour, None if not simulated."""

    found: Found
    reserve: float
    worths: Sequence[Worth]
    measured: Sequence[Measured | None]


def results(request: PlanRequest, plan: Plan) -> dict[str, Any]:
    """All figures."""
    found, typed = plan.found, len(request.types) > 1
    hours = zip(request.hours, found.fleet.hours, plan.measured, strict=True)
    floors = None if request.floors is None else dict(zip(request.types, request.floors, strict=True))
    return {
        "policy": request.policy,
        **({"reserve": plan.reserve} if typed else {}),
        "pools": dict(zip(request.classes, found.fleet.pools, strict=True)),
        "cost": found.fleet.cost,
        "proven": found.rounds[0].proven,
        "floor": floors if typed or floors is None else next(iter(floors.values())),
        "budget": request.budget,
        **({"refused": request.refused} if typed else {}),
        "hours": [_hour(request, *row) for row in hours],
        "classes": {
            name: _class(cost, worth)
            for name, cost, worth in zip(request.classes, request.costs, plan.worths, strict=True)
        },
        "rounds": [_round(request, one) for one in found.rounds],
        "looked": {"mixes": found.trials.mixes, "none_below": found.trials.below} if found.trials else None,
    }


def _class(cost: float, worth: Worth) -> dict[str, float]:
    metric = {} if worth.metric is None else {"pool_worth": worth.metric}
    return {"cost": cost, "adds": worth.adds, "adds_per_cost": worth.adds / cost, **metric}


def _round(request: PlanRequest, found: Round) -> dict[str, Any]:
    """What a round found and missed."""
    refused = {"refused": found.refusing} if len(request.types) > 1 else {}
    pools = dict(zip(request.classes, found.pools, strict=True))
    return {"pools": pools, "cost": found.cost, "missing": found.missing, **refused}


def _hour(request: PlanRequest, hour: Hour, seen: Figures, measured: Measured | None) -> dict[str, Any]:
    own = _expected(seen) if isinstance(seen, ExpectedFigures) else {"compatibility_gap": seen.compatibility_gap}
    return {
        "hour": hour.name or None,
        "sessions": hour.total,
        "floor": request.floor_at(hour),
        "bound": seen.bound,
        **own,
        "measured_utility": measured.mean if measured else None,
        "measured_error": measured.error if measured else None,
        **(_simulated(request, seen) if isinstance(seen, SimulatedFigures) else {}),
    }


def _expected(seen: ExpectedFigures) -> dict[str, Any]:
    return {
        "expected_swing_gap": seen.swing_gap,
        "expected_placement_gap": seen.placement_gap,
        "predicted": seen.lost.predicted,
        "expected_utility": seen.utility,
        "refused": seen.refused,
        "price": seen.price,
    }


def _simulated(request: PlanRequest, seen: SimulatedFigures) -> dict[str, Any]:
    """An hour without sessions has no types, and nothing is measured."""
    types: Iterable[tuple[str, TypeFigures]] = zip(request.types, seen.types, strict=False)
    return {
        "runs": seen.runs,
        "measured_sessions": seen.sessions,
        "session_types": {name: _type(request, found) for name, found in types if found.offered},
    }


def _type(request: PlanRequest, found: TypeFigures) -> dict[str, Any]:
    return {
        "offered": found.offered,
        "refused": found.refused.mean,
        "refused_error": found.refused.error,
        "price": found.price,
        "sessions": dict(zip(request.classes, found.sessions, strict=True)),
    }
