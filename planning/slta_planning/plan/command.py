"""Command line of `slta plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slta.cli.error_messages import NO, UNUSABLE, UserError, in_one_line
from slta.cli.options import FleetFile, JsonFile
from slta.cli.streams import deliver, refuse_both_standard, standard_input
from slta.fleet_file.specs import compile_spec
from slta.fleet_file.yaml_file import load_yaml
from slta.models.errors import InvalidFleetError
from slta_planning.plan import answer
from slta_planning.plan.options import LOADS_RULE, Loads, Options
from slta_planning.plan.plan_report import report
from slta_planning.plan.rounds import NoFleetError
from slta_planning.refusing import refuse
from slta_planning.text import UnclearLoad

Sessions = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[TYPE=]SESSIONS",
        help="Mean sessions of the whole fleet, or of each session type (call=1,chat=2, or one option each).",
    ),
]
LoadPerPool = Annotated[
    list[str] | None, typer.Option(metavar="[TYPE=]LOAD", help="The same per pool of the fleet file, instead.")
]
Profile = Annotated[
    Path | None,
    typer.Option(
        help="Daily load instead: CSV with the columns hour,sessions, or hour and the session types "
        "(-: standard input).",
        callback=standard_input,
    ),
]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def command(
    fleet: FleetFile,
    cost: Annotated[
        list[str], typer.Option(metavar="CLASS=COST", help="Cost of one pool (CLASS=COST), for each class.")
    ],
    sessions: Sessions = None,
    load_per_pool: LoadPerPool = None,
    load: UnclearLoad = None,  # noqa: ARG001 - its callback refuses it
    profile: Profile = None,
    floor: Annotated[
        str | None,
        typer.Option(
            help="Minimum utility per session of all types together, or a percentage of the most that one session can "
            "add, like 95%."
        ),
    ] = None,
    budget: Annotated[str | None, typer.Option(help="Budget of the best fleet, instead of --floor.")] = None,
    refused: Annotated[
        float, typer.Option(min=1e-9, max=0.5, help="Maximum fraction of sessions that may be refused, of each type.")
    ] = 0.001,
    json: JsonFile = None,
) -> None:
    """Find the cheapest fleet for a floor, at a load or through a day, or the best fleet for a budget.

    Only --load-per-pool uses the file's numbers of pools. Exit code 1: no such fleet.
    """
    refuse_both_standard(fleet, profile, "FLEET_FILE and --profile")
    with in_one_line():
        try:
            loaded = load_yaml(fleet)
            spec = compile_spec(loaded.file)
        except InvalidFleetError as error:
            refuse(fleet, error, json, UNUSABLE)
        loads = _loads(sessions, load_per_pool, sum(c.pool_count for c in loaded.file.classes))
        options = Options(cost, loads, profile, floor, budget, refused)
        options.check()
        try:
            data = answer.planned(spec, options)
        except NoFleetError as error:
            typer.echo(f"{loaded.name}: {error}", err=True)
            raise typer.Exit(NO) from None
        deliver(report(loaded.name, data), data, json)


def _loads(sessions: list[str] | None, load_per_pool: list[str] | None, pools: int) -> Loads:
    """Those of one option, or none. Raises UserError."""
    if sessions and load_per_pool:
        raise UserError(LOADS_RULE)
    return Loads(load_per_pool, "--load-per-pool", pools) if load_per_pool else Loads(sessions or ())
