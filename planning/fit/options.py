"""The options of `slta fit`, and what counts by class and times mean."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from service.core.limits import MAX_CAPACITY, MAX_POOLS

DAY = 86_400.0
FROM_PROMETHEUS = "From Prometheus"


def moment(text: str) -> float:
    """Seconds since 1970, or a date with time in ISO 8601, of UTC where it names no zone."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time: a time is like 2026-11-25T12:00 or 1795608000") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _prometheus(**words: Any) -> Any:  # noqa: ANN401 - as typer types it
    """An option of its own panel in the help."""
    return typer.Option(rich_help_panel=FROM_PROMETHEUS, **words)


CsvFile = Annotated[
    Path | None, typer.Argument(metavar="[SAMPLES]", help="CSV with the columns pool_class,sessions,value.")
]
PerPool = Annotated[bool, typer.Option("--per-pool", help="A value is of the whole pool, not of each session.")]
Capacity = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[CLASS=]N",
        help="Capacity, repeatable; samples beyond it are left out.",
        show_default="highest level with samples",
    ),
]
CurveKind = Annotated[
    Literal["table", "log_share", "alpha_fair", "quadratic", "capped_linear", "linear"] | None,
    typer.Option(help="Curve to take.", show_default="the one with the smallest criterion"),
]
Pools = Annotated[
    list[str] | None,
    typer.Option(metavar="CLASS=N", help="Pools in the fleet file, repeatable.", show_default="those in the samples"),
]
MaxLeftOut = Annotated[float, typer.Option(min=0, max=1, help="Largest share of samples that may be bad.")]
YamlFile = Annotated[Path | None, typer.Option(help="Fleet file to write.")]
JsonFile = Annotated[Path | None, typer.Option(help="File for the figures.")]
FigureFile = Annotated[Path | None, typer.Option(help="Figure, written as SVG and as PNG.")]
Server = Annotated[str | None, _prometheus(metavar="URL", help="Server to take samples from.")]
SessionsQuery = Annotated[str | None, _prometheus(metavar="QUERY", help="Sessions of each pool.")]
ValueQuery = Annotated[str | None, _prometheus(metavar="QUERY", help="Their value, with the same labels.")]
ClassLabel = Annotated[str, _prometheus(help="Label with the name of the class.")]
Start = Annotated[
    float | None, _prometheus(parser=moment, metavar="TIME", help="First step.", show_default="a day before --end")
]
End = Annotated[float | None, _prometheus(parser=moment, metavar="TIME", help="Last step.", show_default="now")]
Step = Annotated[float, _prometheus(min=0.001, help="Seconds between samples.")]
TokenFile = Annotated[Path | None, _prometheus(help="File with a bearer token.")]


def capacity_of(given: Sequence[str], name: str) -> int | None:
    """Of one class: `NAME=N` counts before `N` for all."""
    own = {key: count for key, count in _counts("--capacity", given, MAX_CAPACITY, 1) if key in (name, "")}
    return own.get(name, own.get(""))


def by_class(option: str, given: Sequence[str], most: int = MAX_POOLS) -> dict[str, int]:
    """`small=50` for each class."""
    counts = dict(_counts(option, given, most, 0))
    if "" in counts:
        raise typer.BadParameter("must be like small=50", param_hint=option)
    return counts


def check_names(option: str, given: Sequence[str], known: Sequence[str]) -> None:
    """A class that has no samples is a mistake."""
    for text in given:
        name = text.rpartition("=")[0]
        if name and name not in known:
            raise typer.BadParameter(
                f"there are no samples of a class {name}, but of {', '.join(known)}", param_hint=option
            )


def _counts(option: str, given: Sequence[str], most: int, least: int) -> list[tuple[str, int]]:
    return [(text.rpartition("=")[0], _count(option, text, most, least)) for text in given]


def _count(option: str, text: str, most: int, least: int) -> int:
    number = text.rpartition("=")[2]
    if not number.isdecimal() or not least <= int(number) <= most:
        raise typer.BadParameter(f"{text!r}: a number is from {least} to {most:,}", param_hint=option)
    return int(number)


def range_of(start: float | None, end: float | None) -> tuple[float, float]:
    """The last day where nothing else was said."""
    last = time.time() if end is None else end
    first = last - DAY if start is None else start
    if not first < last:
        raise typer.BadParameter("must be before --end", param_hint="--start")
    return first, last
