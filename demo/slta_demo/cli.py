"""Command line of `slta demo`."""
# ruff: noqa: FBT002, PLR0913 - one argument per option; one is a flag

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slta.cli.error_messages import in_one_line
from slta_demo.options import EXAMPLES, Options
from slta_demo.run import show

app = typer.Typer(add_completion=False)


Load = Annotated[str, typer.Option(help="Sessions per pool: a number, a swing (5..12) or a profile (5@30,5..12@20).")]
WarmUp = Annotated[
    float | None,
    typer.Option(help="Warm-up in seconds, not averaged.", show_default="5 holding times, at most 1/3"),
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
    fleet: Annotated[Path | None, typer.Option(help="Fleet file.", show_default="examples/saturating.yaml")] = None,
    policy: Annotated[str | None, typer.Option(help="Policy; default: the fleet file's.")] = None,
    pools: Annotated[int | None, typer.Option(help="Total number of pools; scales the classes in proportion.")] = None,
    load: Load = "5..12",
    mean_holding: Annotated[float, typer.Option(help="Mean session duration in seconds.")] = 5.0,
    duration: Annotated[float, typer.Option(help="Seconds, warm-up included; ignored for a profile.")] = 60.0,
    warm_up: WarmUp = None,
    session_types: Mix = None,
    swing_types: MixSwing = None,
    trace: Annotated[Path | None, typer.Option(help="CSV start_s,duration_s to replay, instead of --load.")] = None,
    speed: Annotated[float, typer.Option(help="Replay speed of --trace; 10 plays an hour in six minutes.")] = 1.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this JSON file.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of arrivals and holding times.")] = 1,
    port: Annotated[int, typer.Option(help="Port of the service; 0 picks a free one.")] = 0,
    keep: Keep = False,
) -> None:
    """Run a demonstration: a service with its store, a load, and a live view of the distance from the optimum."""
    with in_one_line():
        show(
            Options(
                fleet=fleet or EXAMPLES / "saturating.yaml",
                policy=policy,
                pools=pools,
                load=load,
                mean_holding_seconds=mean_holding,
                duration_seconds=duration,
                warm_up_seconds=warm_up,
                session_types=",".join(session_types) if session_types else None,
                swing_types=swing_types,
                trace=trace,
                speed=speed,
                json_path=json_file,
                seed=seed,
                port=port,
                keep=keep,
            )
        )
