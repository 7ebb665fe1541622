"""Search of a plan, and the fleet found in virtual time."""

from __future__ import annotations

from typing import Any

from slta.core.fleet import FleetSpec
from slta.core.policies import DEFAULT_POLICY
from slta_planning.errors import UnusableError
from slta_planning.plan import progress
from slta_planning.plan.expected import ExpectedFigures, placement_gap, simulated_utility, worths_of
from slta_planning.plan.finding import found_by
from slta_planning.plan.market import market_of
from slta_planning.plan.options import Hour, Options, costs_of, floor_of, load_of, positive, read_profile
from slta_planning.plan.results import Plan, PlanRequest, results
from slta_planning.plan.rounds import Round
from slta_planning.plan.search import Search
from slta_planning.simulation import MAX_SESSIONS, SIMULATED, Measured


def planned(spec: FleetSpec, options: Options) -> dict[str, Any]:
    """Figures of the plan for a fleet without session types. Raises NoFleetError, Unusable."""
    request = _request(spec, options, _hours(options))
    return results(request, _answer(spec, request, options.refused))


def _hours(options: Options) -> list[Hour]:
    if options.profile:
        return read_profile(options.profile)
    if len(options.loads) > 1 or "=" in options.loads[0]:
        raise UnusableError("--load: give one number; the fleet file has no session_types that could have their own")
    return [Hour("", load_of(options.loads[0], "--load", least=1.0))]


def _request(spec: FleetSpec, options: Options, hours: list[Hour]) -> PlanRequest:
    floor, budget = options.floor, options.budget
    return PlanRequest(
        spec.class_names(),
        costs_of(options.costs, spec.class_names()),
        hours,
        floor_of(floor).of_a_session(spec.ranking.marginals) if floor is not None else None,
        positive(budget, "--budget") if budget is not None else None,
        spec.policy.name if spec.policy.name in SIMULATED else DEFAULT_POLICY.name,
    )


def _answer(spec: FleetSpec, request: PlanRequest, refused: float) -> Plan:
    """Search, then simulate the fleet found."""
    market = market_of(spec, request.costs, request.hours, refused)
    floors = None if request.floor is None else request.floor * market.loads
    with progress.shown() as ran:
        search = Search(spec, market, placement_gap(spec, SIMULATED[request.policy]), ran)
        found = found_by(search, floors, request.budget)
        measured = [_simulated(spec, request, found.fleet, k) for k, _ in enumerate(request.hours)]
    worths = worths_of(spec, found.fleet.pools, [hour.sessions for hour in request.hours])
    return Plan(found, worths, measured)


def _simulated(spec: FleetSpec, request: PlanRequest, plan: Round[ExpectedFigures], hour: int) -> Measured | None:
    """Measured utility of an hour; None without sessions, or with too many to simulate."""
    sessions = request.hours[hour].sessions
    if not 0 < sessions <= MAX_SESSIONS:
        return None
    return simulated_utility(spec, SIMULATED[request.policy], plan.pools, sessions, plan.hours[hour])
