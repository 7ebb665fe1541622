"""Search of a plan; of a fleet without session types the one that was found is simulated, too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from slta.core.fleet import FleetSpec
from slta.core.policies import DEFAULT_POLICY, POLICIES
from slta_planning.plan import progress
from slta_planning.plan.expected import Expectation, placement_gap, simulated_utility, worths_of
from slta_planning.plan.finding import found_by
from slta_planning.plan.loads import floors_of, loads_of, read_profile
from slta_planning.plan.market import Market, market_of
from slta_planning.plan.options import Options, costs_of, positive
from slta_planning.plan.results import Plan, PlanRequest, results
from slta_planning.plan.rounds import Found, NoFleetError
from slta_planning.plan.search import Search
from slta_planning.plan.simulation import SimulatedFigures, Simulation
from slta_planning.simulation import MAX_SESSIONS, SIMULATED, Measured

RESERVES = (0.0, 0.5, 1.0, 1.5, 2.0)
"""Values of ρ that are tried beside the file's."""
PLACES_TYPES = next(name for name, policy in POLICIES.items() if policy.takes_types and policy.tokens)
"""The policy that is simulated for fleets with session types, also where the fleet file observes."""


def planned(spec: FleetSpec, options: Options) -> dict[str, Any]:
    """Figures of the plan. Raises NoFleetError, UserError."""
    request = _request(spec, options)
    market = market_of(spec, request.costs, request.hours, request.refused)
    with progress.shown() as ran:
        reserve, found = _found(spec, request, market, ran)
        measured = [_measured(spec, request, found, k) for k, _ in enumerate(request.hours)]
    worths = worths_of(spec, found.fleet.pools, [hour.sessions for hour in request.hours])
    return results(request, Plan(found, reserve, worths, measured))


def _request(spec: FleetSpec, options: Options) -> PlanRequest:
    kinds, floor, budget = spec.type_names, options.floor, options.budget
    untyped = spec.policy.name if spec.policy.name in SIMULATED else DEFAULT_POLICY.name
    hours = read_profile(options.profile, kinds) if options.profile else [loads_of(options.loads, kinds)]
    return PlanRequest(
        spec.class_names(),
        kinds,
        costs_of(options.costs, spec.class_names()),
        hours,
        floors_of(floor, spec) if floor is not None else None,
        positive(budget, "--budget") if budget is not None else None,
        options.refused,
        PLACES_TYPES if spec.session_types else untyped,
    )


def _found(spec: FleetSpec, request: PlanRequest, market: Market, ran: progress.Ran) -> tuple[float, Found]:
    """The plan with the file's ρ or, where rounds to a floor refused too many, the cheapest with it or another.

    The file's is taken unless another is cheaper. Raises NoFleetError, UserError.
    """
    floors = None if request.floors is None else np.array([request.floor_at(hour) for hour in request.hours])
    plans, missed = list[tuple[float, Found]](), list[NoFleetError]()
    for reserve in dict.fromkeys([spec.reserve, *(RESERVES if spec.session_types and floors is not None else ())]):
        try:
            search = search_of(replace(spec, reserve=reserve), market, request.policy, ran)
            found = found_by(search, floors, request.budget)
        except NoFleetError as error:
            missed.append(error)
        else:
            plans.append((reserve, found))
            if not any(one.refusing for one in found.rounds):
                break  # the reserve does not decide
    if not plans:
        raise missed[0]
    return min(plans, key=lambda plan: plan[1].fleet.cost)


def search_of(spec: FleetSpec, market: Market, policy: str, ran: progress.Ran) -> Search:
    """A search by predictions, or with session types by simulations."""
    if spec.session_types:
        return Search(spec, market, Simulation(spec, market.refused), ran)
    lost = placement_gap(spec, SIMULATED[policy])
    return Search(spec, market, Expectation(spec, lost, market.rooms[0].places), ran)


def _measured(spec: FleetSpec, request: PlanRequest, found: Found, hour: int) -> Measured | None:
    """Measured utility of an hour; None without sessions, or with too many to simulate."""
    seen, sessions = found.fleet.hours[hour], request.hours[hour].total
    if isinstance(seen, SimulatedFigures):
        return seen.measured if seen.runs else None
    if not 0 < sessions <= MAX_SESSIONS:
        return None
    return simulated_utility(spec, SIMULATED[request.policy], found.fleet.pools, sessions, seen)
