"""Search of a plan for a fleet with session types."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from slta.core.fleet import FleetSpec
from slta.core.session_types.bound import gains
from slta_planning.plan import progress
from slta_planning.plan.finding import found_by
from slta_planning.plan.options import Options, costs_of, floor_of, positive
from slta_planning.plan.progress import Ran
from slta_planning.plan.rounds import Found, NoFleetError
from slta_planning.plan.session_types.loads import TypedHour, floors_of, loads_of, read_typed_profile
from slta_planning.plan.session_types.market import typed_market_of
from slta_planning.plan.session_types.results import TypedPlan, TypedRequest, typed_results
from slta_planning.plan.session_types.search import TypedSearch
from slta_planning.plan.session_types.simulation import TypedFigures

RESERVES = (0.0, 0.5, 1.0, 1.5, 2.0)
"""Values of ρ that are tried beside the file's."""


def planned(spec: FleetSpec, options: Options) -> dict[str, Any]:
    """Figures of the plan. Raises NoFleetError, Unusable."""
    request = _request(spec, options)
    return typed_results(request, _answer(spec, request))


def _request(spec: FleetSpec, options: Options) -> TypedRequest:
    kinds, floor, budget = spec.type_names, options.floor, options.budget
    return TypedRequest(
        spec.class_names(),
        kinds,
        costs_of(options.costs, spec.class_names()),
        read_typed_profile(options.profile, kinds) if options.profile else [loads_of(options.loads, kinds)],
        floors_of(floor_of(floor), spec) if floor is not None else None,
        positive(budget, "--budget") if budget is not None else None,
        options.refused,
    )


def _answer(spec: FleetSpec, request: TypedRequest) -> TypedPlan:
    with progress.shown() as ran:
        reserve, found = _found(spec, request, ran)
    return TypedPlan(reserve, found, adds_of(spec, found.fleet.pools, request.hours))


def _found(spec: FleetSpec, request: TypedRequest, ran: Ran) -> tuple[float, Found[TypedFigures]]:
    """The plan with the file's ρ or, where rounds to a floor refused too many, the cheapest with it or another.

    The file's is taken unless another is cheaper. Raises NoFleetError, Unusable.
    """
    market = typed_market_of(spec, request.costs, request.hours, request.refused)
    floors = None if request.floors is None else np.array([request.floor_at(hour) for hour in request.hours])
    plans, missed = list[tuple[float, Found[TypedFigures]]](), list[NoFleetError]()
    for reserve in dict.fromkeys([spec.reserve, *(RESERVES if floors is not None else ())]):
        try:
            found = found_by(
                TypedSearch(replace(spec, reserve=reserve), market, request.refused, ran), floors, request.budget
            )
        except NoFleetError as error:
            missed.append(error)
        else:
            plans.append((reserve, found))
            if not any(one.refusing for one in found.rounds):
                break  # the reserve does not decide
    if not plans:
        raise missed[0]
    return min(plans, key=lambda plan: plan[1].fleet.cost)


def adds_of(spec: FleetSpec, pools: tuple[int, ...], hours: list[TypedHour]) -> list[float]:
    """What one more pool of each class adds to the bound, on average over the hours."""
    by_hour = [gains(spec.type_sets, spec.bound_ranking, pools, hour.sessions)[1] for hour in hours]
    return [sum(column) / len(hours) for column in zip(*by_hour, strict=True)]
