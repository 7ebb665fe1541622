"""Search of a plan, and the fleet found in virtual time."""

from __future__ import annotations

from typing import Any

from slta.core.fleet import FleetSpec
from slta.core.policies import DEFAULT_POLICY
from slta_planning.errors import UnusableError
from slta_planning.plan import progress
from slta_planning.plan.expected import ExpectedFigures, placement_gap, played_utility, worths_of
from slta_planning.plan.finding import found_by
from slta_planning.plan.market import market_of
from slta_planning.plan.results import Plan, PlanRequest, results
from slta_planning.plan.rounds import Round
from slta_planning.plan.search import Search
from slta_planning.plan.wanted import Hour, Options, costs_of, floor_of, load_of, positive, read_profile
from slta_planning.playing import MAX_SESSIONS, PLAYABLE, Measured


def planned(spec: FleetSpec, options: Options) -> dict[str, Any]:
    """Figures of the plan for a fleet without session types. Raises NoFleetError, Unusable."""
    asked = _asked(spec, options, _hours(options))
    return results(asked, _answer(spec, asked, options.refused))


def _hours(options: Options) -> list[Hour]:
    if options.profile:
        return read_profile(options.profile)
    if len(options.loads) > 1 or "=" in options.loads[0]:
        raise UnusableError("--load: give one number; the fleet file has no session_types that could have their own")
    return [Hour("", load_of(options.loads[0], "--load", least=1.0))]


def _asked(spec: FleetSpec, options: Options, hours: list[Hour]) -> PlanRequest:
    floor, budget = options.floor, options.budget
    return PlanRequest(
        spec.class_names(),
        costs_of(options.costs, spec.class_names()),
        hours,
        floor_of(floor).of_a_session(spec.ranking.marginals) if floor is not None else None,
        positive(budget, "--budget") if budget is not None else None,
        spec.policy.name if spec.policy.name in PLAYABLE else DEFAULT_POLICY.name,
    )


def _answer(spec: FleetSpec, asked: PlanRequest, refused: float) -> Plan:
    """Search, then simulate the fleet found."""
    market = market_of(spec, asked.costs, asked.hours, refused)
    floors = None if asked.floor is None else asked.floor * market.loads
    with progress.shown() as ran:
        search = Search(spec, market, placement_gap(spec, PLAYABLE[asked.policy]), ran)
        found = found_by(search, floors, asked.budget)
        played = [_played(spec, asked, found.fleet, k) for k, _ in enumerate(asked.hours)]
    worths = worths_of(spec, found.fleet.pools, [hour.sessions for hour in asked.hours])
    return Plan(found, worths, played)


def _played(spec: FleetSpec, asked: PlanRequest, plan: Round[ExpectedFigures], hour: int) -> Measured | None:
    """Measured utility of an hour; None without sessions, or with too many to simulate."""
    sessions = asked.hours[hour].sessions
    if not 0 < sessions <= MAX_SESSIONS:
        return None
    return played_utility(spec, PLAYABLE[asked.policy], plan.pools, sessions, plan.hours[hour])
