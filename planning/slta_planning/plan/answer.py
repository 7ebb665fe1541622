"""Search of a plan, and the fleet found in virtual time."""

from __future__ import annotations

from typing import Any

import numpy as np

from slta.core.fleet import FleetSpec
from slta.core.policies import DEFAULT_POLICY
from slta_experiments.parallel import progress_bar
from slta_planning.errors import UnusableError
from slta_planning.plan.expected import ExpectedFigures, placement_gap, played_utility, worths_of
from slta_planning.plan.market import market_of
from slta_planning.plan.results import Plan, PlanRequest, results
from slta_planning.plan.rounds import Looked, Round
from slta_planning.plan.search import ROUNDS, Search, best_within, cheapest_for, look_below
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
    with progress_bar() as progress:
        task = progress.add_task("planning", total=ROUNDS * len(asked.hours))
        search = Search(spec, market, placement_gap(spec, PLAYABLE[asked.policy]), lambda: progress.advance(task))
        rounds, looked = _found(search, asked)
        plan = (looked and looked.better) or rounds[-1]
        played = [_played(spec, asked, plan, k) for k, _ in enumerate(asked.hours)]
    worths = worths_of(spec, plan.pools, [hour.sessions for hour in asked.hours])
    return Plan(plan, rounds, looked, worths, played)


def _found(search: Search, asked: PlanRequest) -> tuple[list[Round[ExpectedFigures]], Looked[ExpectedFigures] | None]:
    if asked.floor is None:
        return best_within(search, asked.budget or 0.0), None
    floors = asked.floor * np.array([hour.sessions for hour in asked.hours])
    rounds = cheapest_for(search, floors)
    return rounds, look_below(search, floors, rounds)


def _played(spec: FleetSpec, asked: PlanRequest, plan: Round[ExpectedFigures], hour: int) -> Measured | None:
    """Measured utility of an hour; None without sessions, or with too many to simulate."""
    sessions = asked.hours[hour].sessions
    if not 0 < sessions <= MAX_SESSIONS:
        return None
    return played_utility(spec, PLAYABLE[asked.policy], plan.pools, sessions, plan.hours[hour])
