"""Options of `slta fit`, and parsers of their values."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from slta.cli.durations import POSITIVE_DURATION
from slta.cli.streams import named_file_to_write, standard_input
from slta.core.limits import MAX_CAPACITY, MAX_POOLS

DAY = 86_400.0
FROM_PROMETHEUS = "From Prometheus, or a CSV export of it or Grafana"


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


def _prometheus(**words: Any) -> Any:  # noqa: ANN401 - as typer types it
    """An option in the help panel of Prometheus."""
    return typer.Option(rich_help_panel=FROM_PROMETHEUS, **words)


CsvFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="[SAMPLES]",
        help="CSV file with the columns pool_class,sessions,value (-: standard input).",
        callback=standard_input,
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
ValueQuery = Annotated[str | None, _prometheus(metavar="QUERY", help="The same of their value; labels are equal.")]
ClassLabel = Annotated[str, _prometheus(help="Label with the class name.")]
Start = Annotated[
    float | None, _prometheus(parser=moment, metavar="TIME", help="First step.", show_default="a day before --end")
]
End = Annotated[float | None, _prometheus(parser=moment, metavar="TIME", help="Last step.", show_default="now")]
Step = Annotated[float, _prometheus(help="Time between samples.", **POSITIVE_DURATION)]
TokenFile = Annotated[Path | None, _prometheus(help="File with the bearer token.")]


def capacity_of(given: Sequence[str], name: str) -> int | None:
    """Capacity of one class: `NAME=N` takes precedence over `N`."""
    own = {key: count for key, count in _counts("--capacity", given, MAX_CAPACITY, 1) if key in (name, "")}
    return own.get(name, own.get(""))


def by_class(option: str, given: Sequence[str], most: int = MAX_POOLS) -> dict[str, int]:
    """Parse `small=50` for each class."""
    counts = dict(_counts(option, given, most, 0))
    if "" in counts:
        raise typer.BadParameter("must be like small=50", param_hint=option)
    return counts


def check_names(option: str, given: Sequence[str], known: Sequence[str]) -> None:
    """Refuse classes without samples."""
    for text in given:
        name = text.rpartition("=")[0]
        if name and name not in known:
            raise typer.BadParameter(
                f"no samples of class {name}; the classes are {', '.join(known)}", param_hint=option
            )


def _counts(option: str, given: Sequence[str], most: int, least: int) -> list[tuple[str, int]]:
    return [(text.rpartition("=")[0], _count(option, text, most, least)) for text in given]


def _count(option: str, text: str, most: int, least: int) -> int:
    number = text.rpartition("=")[2]
    if not number.isdecimal() or len(number) > len(str(most)) or not least <= int(number) <= most:
        raise typer.BadParameter(f"{text!r} is not a number from {least} to {most:,}", param_hint=option)
    return int(number)


def range_of(start: float | None, end: float | None) -> tuple[float, float]:
    """Time range; default: the last day."""
    last = time.time() if end is None else end
    first = last - DAY if start is None else start
    if not first < last:
        raise typer.BadParameter("must be before --end", param_hint="--start")
    return first, last
