"""Options of `slta loadgen`."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from slta.cli.durations import DURATION, POSITIVE_DURATION
from slta.cli.streams import STANDARD, existing_input
from slta_loadgen.holding import HoldingKind
from slta_loadgen.replay import Drain
from slta_loadgen.show import Progress


def _trace_file(context: typer.Context, path: Path) -> Path:
    """Copy standard input, which is named `-`, to a file: a replay reads the trace more than once."""
    if path != STANDARD:
        return existing_input(path)
    copy = Path(context.with_resource(TemporaryDirectory())) / "standard-input.csv"
    copy.write_bytes(sys.stdin.buffer.read())
    return copy


LoadPerPool = Annotated[float | None, typer.Option(min=0, help="Sessions per active pool.", show_default="1")]
Rate = Annotated[float | None, typer.Option(min=0, help="Arrivals per second, instead of --load-per-pool.")]
Profile = Annotated[
    str | None,
    typer.Option(
        help="Load profile: steps 5@30,10@30, ramps 5..12@20, or day; multiplies --load-per-pool or --rate.",
        show_default="constant",
    ),
]
MeanHolding = Annotated[float, typer.Option(help="Mean holding time.", **POSITIVE_DURATION)]
Kind = Annotated[HoldingKind, typer.Option(help="Distribution of holding times.")]
Cv = Annotated[
    float | None, typer.Option(help="Coefficient of variation: lognormal (default 1) or hyperexponential (default 2).")
]
Shape = Annotated[float | None, typer.Option(help="Shape of Pareto holding times, above 1 (default 2.5).")]
Types = Annotated[
    list[str] | None,
    typer.Option("--session-types", help="Mix of session types by shares: video=0.2,chat=0.8, or one option each."),
]
Swing = Annotated[
    str | None,
    typer.Option(
        "--swing-types", help="0.5@120: shares swing by ±50 % with a period of 120 s, types one after another."
    ),
]
Duration = Annotated[
    float | None, typer.Option(help="Time of the last arrival.", show_default="the profile's, or 60", **DURATION)
]
WarmUp = Annotated[float, typer.Option(help="Warm-up, excluded from the report.", **DURATION)]
Endless = Annotated[bool, typer.Option("--endless", help="Repeat the profile until interrupted.")]
Seed = Annotated[int, typer.Option(help="Seed of arrivals and holding times.")]
SeededIds = Annotated[bool, typer.Option("--seeded-ids", help="Derive session ids from the seed.")]
Trace = Annotated[
    Path,
    typer.Argument(
        callback=_trace_file,
        help="CSV file with the columns start_s,duration_s, optionally session_type (-: standard input).",
    ),
]
Speed = Annotated[float, typer.Option(min=1e-6, help="Replay speed; 10 plays an hour in six minutes.")]
Bulk = Annotated[
    int | None,
    typer.Option(min=1, max=1000, help="Batch operations that are due together, at most this many per call."),
]
Lease = Annotated[float | None, typer.Option(help="Session lease.", show_default="the fleet's", **DURATION)]
Ending = Annotated[Drain, typer.Option(help="What to do with live sessions after the last arrival.")]
Telling = Annotated[
    Progress, typer.Option("--progress", help="Output format; json: one object per line, the report last.")
]
Check = Annotated[bool, typer.Option("--check", help="Exit with 1 on errors or if the service's figures differ.")]
