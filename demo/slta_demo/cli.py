"""Command line of `slta demo`."""
# ruff: noqa: FBT002, PLR0913 - one argument per option; one is a flag

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slta.cli.durations import DURATION, POSITIVE_DURATION
from slta.cli.error_messages import in_one_line
from slta.cli.options import JsonFile, OptionalFleetFile
from slta_demo.options import Options
from slta_demo.run import show

app = typer.Typer(add_completion=False)


LoadPerPool = Annotated[
    str, typer.Option(help="Sessions per pool: a number, a swing (5..12) or a profile (5@30,5..12@20).")
]
WarmUp = Annotated[
    float | None, typer.Option(help="Warm-up, not averaged.", show_default="5 holding times, at most 1/3", **DURATION)
]
Mix = Annotated[
    list[str] | None,
    typer.Option(
        help="Mix by shares: call=1,chat=3, or one option each.", show_default="equal shares of the fleet's types"
    ),
]
MixSwing = Annotated[
    str | None,
    typer.Option(
        help="0.5@40: shares swing by ±50 % within 40 s, one after another; 0@1 for a steady mix.",
        show_default="±50 %, as long as a swing of the load",
    ),
]
Keep = Annotated[bool, typer.Option("--keep", help="Keep the service, its page and the load running at the end.")]


@app.command()
def demo(
    fleet_file: OptionalFleetFile = None,
    policy: Annotated[str | None, typer.Option(help="Policy; default: the fleet file's.")] = None,
    pools: Annotated[int | None, typer.Option(help="Total number of pools; scales the classes in proportion.")] = None,
    load_per_pool: LoadPerPool = "5..12",
    mean_holding: Annotated[float, typer.Option(help="Mean session duration.", **POSITIVE_DURATION)] = 5.0,
    duration: Annotated[
        float, typer.Option(help="Duration of the load, unless a profile has one.", **POSITIVE_DURATION)
    ] = 60.0,
    warm_up: WarmUp = None,
    session_types: Mix = None,
    swing_types: MixSwing = None,
    trace: Annotated[Path | None, typer.Option(help="CSV start_s,duration_s to replay, instead of a load.")] = None,
    speed: Annotated[float, typer.Option(help="Replay speed of --trace; 10 plays an hour in six minutes.")] = 1.0,
    json: JsonFile = None,
    seed: Annotated[int, typer.Option(help="Seed of arrivals and holding times.")] = 1,
    port: Annotated[int, typer.Option(help="Port of the service; 0 picks a free one.")] = 0,
    keep: Keep = False,
) -> None:
    """Run a service with its store under a load, and show the distance from the optimum.

    Without a fleet file, examples/saturating.yaml.
    """
    given = dict(locals())
    with in_one_line():
        show(Options(**{name: value for name, value in given.items() if value is not None}))
