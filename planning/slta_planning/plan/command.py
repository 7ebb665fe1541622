"""Command line of `slta plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from slta.cli.error_messages import in_one_line
from slta.cli.streams import refuse_both_standard, standard_input, text_beside, write_json
from slta.core.fleet import FleetSpec
from slta.core.policies import DEFAULT_POLICY
from slta.fleet_file.specs import compile_spec
from slta.fleet_file.yaml_file import load_yaml
from slta.models.errors import InvalidFleetError
from slta_experiments.parallel import progress_bar
from slta_planning.errors import UnusableError, unreadable_named
from slta_planning.plan.expected import placement_gap, played_utility, worths_of
from slta_planning.plan.market import market_of
from slta_planning.plan.plan_report import report
from slta_planning.plan.results import Plan, PlanRequest, results
from slta_planning.plan.search import (
    ROUNDS,
    Looked,
    NoFleetError,
    Round,
    Search,
    best_within,
    cheapest_for,
    look_below,
)
from slta_planning.plan.wanted import Hour, costs_of, floor_of, load_of, positive, read_profile
from slta_planning.playing import MAX_SESSIONS, PLAYABLE, Measured
from slta_planning.refusing import NOT_VALID, refuse
from slta_planning.text import FleetFile, JsonFile

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def command(
    fleet: FleetFile,
    cost: Annotated[
        list[str], typer.Option(metavar="CLASS=COST", help="Cost of one pool (CLASS=COST), for each class.")
    ],
    load: Annotated[str | None, typer.Option(help="Mean sessions of the whole fleet.")] = None,
    profile: Annotated[
        Path | None,
        typer.Option(
            help="Daily load instead of --load: CSV with the columns hour,load (-: standard input).",
            callback=standard_input,
        ),
    ] = None,
    floor: Annotated[
        str | None,
        typer.Option(help="Minimum utility per session, or a percentage of the most that one can add, like 95%."),
    ] = None,
    budget: Annotated[str | None, typer.Option(help="Budget of the best fleet, instead of --floor.")] = None,
    refused: Annotated[
        float, typer.Option(min=1e-9, max=0.5, help="Maximum fraction of sessions that may be refused.")
    ] = 0.001,
    json: JsonFile = None,
) -> None:
    """Find the cheapest fleet for a floor, at a load or through a day, or the best fleet for a budget.

    The file's numbers of pools are ignored. Exit codes: 0 found; 1 invalid file or no such fleet; 2 usage error.
    """
    refuse_both_standard(fleet, profile, "FLEET and --profile")
    with in_one_line(UnusableError), unreadable_named():
        try:
            loaded = load_yaml(fleet)
            spec = compile_spec(loaded.file)
        except InvalidFleetError as error:
            refuse(fleet, error, json)
        if spec.session_types:
            raise UnusableError(f"{fleet}: sizes no fleet with session_types; without them it sizes for one type")
        asked = _asked(spec, cost, _hours(load, profile), floor, budget)
        try:
            answer = _answer(spec, asked, refused)
        except NoFleetError as error:
            typer.echo(f"{loaded.name}: {error}", err=True)
            raise typer.Exit(NOT_VALID) from None
        data = results(asked, answer)
        _tell(loaded.name, data, json)


def _tell(name: str, data: dict[str, Any], json: Path | None) -> None:
    with text_beside(json):
        typer.echo(report(name, data))
    if json:
        write_json(data, json)


def _hours(load: str | None, profile: Path | None) -> list[Hour]:
    if (load is None) == (profile is None):
        raise UnusableError("give either --load or --profile")
    if profile:
        return read_profile(profile)
    return [Hour("", load_of(load or "", "--load", least=1.0))]


def _asked(spec: FleetSpec, costs: list[str], hours: list[Hour], floor: str | None, budget: str | None) -> PlanRequest:
    if (floor is None) == (budget is None):
        raise UnusableError("give either --floor or --budget")
    return PlanRequest(
        spec.class_names(),
        costs_of(costs, spec.class_names()),
        hours,
        floor_of(floor).of_a_session(spec.ranking) if floor is not None else None,
        positive(budget, "--budget") if budget is not None else None,
        spec.policy.name if spec.policy.name in PLAYABLE else DEFAULT_POLICY.name,
    )


def _answer(spec: FleetSpec, asked: PlanRequest, refused: float) -> Plan:
    """Search, then simulate the fleet found. Raises NoFleetError, Unusable."""
    market = market_of(spec, asked.costs, asked.hours, refused)
    with progress_bar() as progress:
        task = progress.add_task("planning", total=ROUNDS * len(asked.hours))
        search = Search(spec, market, placement_gap(spec, PLAYABLE[asked.policy]), lambda: progress.advance(task))
        rounds, looked = _found(search, asked)
        plan = (looked and looked.better) or rounds[-1]
        played = [_played(spec, asked, plan, k) for k, _ in enumerate(asked.hours)]
    worths = worths_of(spec, plan.pools, [hour.sessions for hour in asked.hours])
    return Plan(plan, rounds, looked, worths, played)


def _found(search: Search, asked: PlanRequest) -> tuple[list[Round], Looked | None]:
    if asked.floor is None:
        return best_within(search, asked.budget or 0.0), None
    floors = asked.floor * np.array([hour.sessions for hour in asked.hours])
    rounds = cheapest_for(search, floors)
    return rounds, look_below(search, floors, rounds)


def _played(spec: FleetSpec, asked: PlanRequest, plan: Round, hour: int) -> Measured | None:
    """Measured utility of an hour; None without sessions, or with too many to simulate."""
    sessions = asked.hours[hour].sessions
    if not 0 < sessions <= MAX_SESSIONS:
        return None
    return played_utility(spec, PLAYABLE[asked.policy], plan.pools, sessions, plan.hours[hour])
