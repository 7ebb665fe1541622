"""Options of `slta fit`, and parsers of their values."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from slta.cli.durations import DURATION, POSITIVE_DURATION
from slta.cli.error_messages import UserError
from slta.cli.streams import named_file_to_write, standard_input
from slta.cli.target import FLEET
from slta.core.limits import MAX_CAPACITY, MAX_POOLS
from slta_planning.names import CLASS_NOUN, named_amounts

DAY = 86_400.0


def moment(text: str) -> float:
    """Seconds since 1970, or an ISO 8601 date and time, UTC by default."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a time; use a form like 2026-11-25T12:00 or 1795608000") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


_prometheus: Callable[..., Any] = partial(
    typer.Option, rich_help_panel="From Prometheus, or a CSV export of it or Grafana"
)
_live: Callable[..., Any] = partial(typer.Option, rich_help_panel="From a running fleet")

CsvFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="[SAMPLES]",
        help="CSV file with the columns pool_class,sessions,value (-: standard input).",
        callback=standard_input,
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="CLASS=W,…", help="Without samples: weights or cores of a server of each class; needs --capacity."
    ),
]
PerPool = Annotated[bool, typer.Option("--per-pool", help="A value is the utility of the whole pool, not per session.")]
Capacity = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[CLASS=]N",
        help="Capacity (N or CLASS=N), repeatable; samples above it are left out.",
        show_default="highest level with samples",
    ),
]
CurveKind = Annotated[
    Literal[
        "table", "log_share", "alpha_fair", "quadratic", "capped_linear", "linear", "saturating", "capped_log_share"
    ]
    | None,
    typer.Option(help="Curve to use.", show_default="the one with the smallest criterion"),
]
Pools = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CLASS=N",
        help="Number of pools in the fleet file (CLASS=N), repeatable.",
        show_default="those in the samples",
    ),
]
MaxLeftOut = Annotated[float, typer.Option(min=0, max=1, help="Maximum fraction of invalid samples.")]
YamlFile = Annotated[Path | None, typer.Option(callback=named_file_to_write, help="Fleet file to write.")]
FigureFile = Annotated[
    Path | None, typer.Option(callback=named_file_to_write, help="Write the plot to this file, as SVG and PNG.")
]
Server = Annotated[str | None, _prometheus(metavar="URL", help="URL of the Prometheus server.")]
SessionsQuery = Annotated[
    str | None, _prometheus(metavar="QUERY", help="Query of the sessions of each pool, or series of an export.")
]
ValueQuery = Annotated[str | None, _prometheus(metavar="QUERY", help="Query of their values, with equal labels.")]
ClassLabel = Annotated[str, _prometheus(help="Label with the class name.")]
Start = Annotated[
    float | None, _prometheus(parser=moment, metavar="TIME", help="First step.", show_default="a day before --end")
]
End = Annotated[float | None, _prometheus(parser=moment, metavar="TIME", help="Last step.", show_default="now")]
Step = Annotated[float, _prometheus(help="Time between samples.", **POSITIVE_DURATION)]
TokenFile = Annotated[Path | None, _prometheus(help="File with the bearer token.")]

Live = Annotated[bool, _live(help="Propose curves from the quality that pools of a running fleet report.")]
LiveFleet = Annotated[str | None, _live(help="Name of the fleet, with --live.", **FLEET)]
State = Annotated[
    Path | None,
    _live(
        callback=named_file_to_write, help="Samples as of the last run, by which classes are seen to change; written."
    ),
]
Propose = Annotated[Path | None, _live(callback=named_file_to_write, help="Write a fleet file with the curves.")]
Apply = Annotated[bool, _live(help="Apply them if worth it; asks first.")]
AtMostEvery = Annotated[float, _live(help="Minimum time since the fleet's last change.", show_default="1d", **DURATION)]
Yes = Annotated[bool, _live(help="Do not ask.")]


def sizes_of(
    capacity: Sequence[str], pools: Sequence[str], names: Sequence[str]
) -> tuple[dict[str, int], dict[str, int]]:
    """Capacities and numbers of pools by class; that of all is named ''. Raises UserError as `_counts_of` does."""
    capacities = _counts_of("--capacity", capacity, [*names, ""], 1, MAX_CAPACITY, unnamed="")
    return capacities, _counts_of("--pools", pools, names, 0, MAX_POOLS)


def _counts_of(
    option: str, given: Sequence[str], names: Sequence[str], least: int, most: int, unnamed: str | None = None
) -> dict[str, int]:
    """Parse `small=50` for each class. Raises UserError as `named_amounts` does, and for other numbers."""
    found = named_amounts(given, names, option, CLASS_NOUN, unnamed)
    return {name: _count(option, text, least, most) for name, text in found.items()}


def _count(option: str, text: str, least: int, most: int) -> int:
    if not text.isdecimal() or len(text) > len(str(most)) or not least <= int(text) <= most:
        raise UserError(f"{option}: {text!r} is not a number from {least} to {most:,}")
    return int(text)


def range_of(start: float | None, end: float | None) -> tuple[float, float]:
    """Time range; default: the last day."""
    last = time.time() if end is None else end
    first = last - DAY if start is None else start
    if not first < last:
        raise typer.BadParameter("must be before --end", param_hint="--start")
    return first, last
