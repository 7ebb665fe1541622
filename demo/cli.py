"""The command `slta demo`."""
# ruff: noqa: FBT002, PLR0913 - one argument an option, and one is a flag

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from demo.options import EXAMPLES, DemoError, Options
from demo.run import show
from service.cli.mistakes import in_one_line

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    fleet: Annotated[Path | None, typer.Option(help="Fleet file.", show_default="examples/saturating.yaml")] = None,
    policy: Annotated[str | None, typer.Option(help="Instead of the file's.")] = None,
    pools: Annotated[int | None, typer.Option(help="Pools in all; scales the classes in proportion.")] = None,
    load: Annotated[
        str, typer.Option(help="Sessions per pool: a number, a swing (5..12) or a course (5@30,5..12@20).")
    ] = "5..12",
    mean_holding: Annotated[float, typer.Option(help="Mean duration of a session in seconds.")] = 5.0,
    duration: Annotated[
        float, typer.Option(help="Seconds of arrivals, warm-up included; a course brings its own.")
    ] = 60.0,
    warm_up: Annotated[
        float | None,
        typer.Option(help="Seconds before the course and the averages.", show_default="5 holding times, at most 1/3"),
    ] = None,
    trace: Annotated[Path | None, typer.Option(help="CSV start_s,duration_s to replay instead, to its end.")] = None,
    speed: Annotated[float, typer.Option(help="With --trace: 10 plays an hour in six minutes.")] = 1.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
    seed: Annotated[int, typer.Option(help="Of arrivals and holding times.")] = 1,
    port: Annotated[int, typer.Option(help="Port of the service; 0 takes a free one.")] = 0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the service and its page up at the end.")] = False,
) -> None:
    """See it work: a service with its store, a load on it, and a live view of how close to the optimum it is."""
    with in_one_line(DemoError):
        show(
            Options(
                fleet=fleet or EXAMPLES / "saturating.yaml",
                policy=policy,
                pools=pools,
                load=load,
                mean_holding_seconds=mean_holding,
                duration_seconds=duration,
                warm_up_seconds=warm_up,
                trace=trace,
                speed=speed,
                json_path=json_file,
                seed=seed,
                port=port,
                keep=keep,
            )
        )
