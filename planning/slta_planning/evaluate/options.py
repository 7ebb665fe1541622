"""Options of `slta evaluate`, and parsers of their values."""

from __future__ import annotations

import re
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from slta.cli.durations import DURATION, POSITIVE_DURATION
from slta.cli.streams import named_file_to_write, standard_input
from slta_planning.evaluate.active_pools import Unseen
from slta_planning.evaluate.entries import OPTIONAL, TIMES, FormatName
from slta_planning.evaluate.holes import Holes
from slta_planning.evaluate.pool_numbers import NameMap

OURS = {
    name.removesuffix("_s").removesuffix("_id").removeprefix("session_"): name for name in (*TIMES, "pool", *OPTIONAL)
}
"""Members of a log by their names in --columns."""


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise typer.BadParameter(f"unknown time zone {name!r}; use a name like Europe/Berlin") from None


def _file(what: str) -> Any:  # noqa: ANN401 - as typer types it
    return typer.Option(callback=named_file_to_write, help=what)


def _cut(where: str, default: str) -> Any:  # noqa: ANN401 - as typer types it
    return typer.Option(help=f"Time to exclude at the {where}.", show_default=default, **DURATION)


LogFile = Annotated[
    Path,
    typer.Argument(
        metavar="LOG",
        help="CSV, JSON lines, HAProxy's httplog or tcplog, lines for slta follow; may be gzipped (-: standard input).",
        callback=standard_input,
    ),
]
Format = Annotated[
    FormatName | None, typer.Option("--format", help="Format of the log.", show_default="detected from its first lines")
]
Timezone = Annotated[
    tzinfo | None,
    typer.Option(help="Time zone of HAProxy's dates and of the report.", parser=_zone, show_default="UTC"),
]
Maps = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="REGEX=CLASS",
        help="Servers whose whole name matches are pools of this class; repeatable, the first match counts.",
        show_default="pools are named <class>-<k>",
    ),
]
Backends = Annotated[
    list[str] | None, typer.Option("--backend", help="HAProxy's backend to read; repeatable.", show_default="all")
]
UnseenPools = Annotated[
    Unseen | None,
    typer.Option(
        help="Pools of the file that the log never names: keep them as empty, drop them, or count each pool only "
        "from a mean duration before its first session to one after its last.",
        show_default="keep, up to a tenth of the capacity",
    ),
]
WarmUp = Annotated[float | None, _cut("beginning", "a mean duration")]
CoolDown = Annotated[float | None, _cut("end", "a mean duration if lines are written when sessions end, else 0")]
MaxLeftOut = Annotated[float, typer.Option(min=0, max=1, help="Maximum fraction of lines left out.")]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="start=NAME,...",
        help=f"Names in a CSV or JSON log of {', '.join(OURS)}: type is the session's, session its id.",
        show_default="start_s, end_s, duration_s, …",
    ),
]
Gap = Annotated[
    float | None,
    typer.Option(
        help="Join lines with the same id (session_id, HAProxy's captured cookie) to a session, until none "
        "is open for so long.",
        show_default="a line is a session",
        **POSITIVE_DURATION,
    ),
]
LinesAreSessions = Annotated[bool, typer.Option("--lines-are-sessions", help="Accept lines that seem to be requests.")]
HolesInLog = Annotated[
    Holes | None,
    typer.Option(
        help="Times in which no session ended, though many began: keep them, or exclude them and some mean durations "
        "before each.",
        show_default="keep, up to --max-left-out of the time",
    ),
]
Unsorted = Annotated[bool, typer.Option("--unsorted", help="Accept lines that are not in the order of their times.")]
FigureFile = Annotated[Path | None, _file("Write the plot to this file, as SVG and PNG.")]
HtmlFile = Annotated[Path | None, _file("Write report, plot and assumptions to this file, as one page.")]
MapFile = Annotated[Path | None, _file("Write the pool of each server that --map names to this file, an HAProxy map.")]


def columns_of(text: str | None) -> dict[str, str]:
    """Parse `start=NAME,pool=NAME`: names in the log by ours. Raises BadParameter for an unknown one."""
    pairs = [part.partition("=") for part in (text or "").split(",") if part]
    for kind, _, name in pairs:
        if kind not in OURS or not name:
            raise typer.BadParameter(f"{kind!r} is none of {', '.join(OURS)}, or has no name", param_hint="--columns")
    return {OURS[kind]: name for kind, _, name in pairs}


def map_of(text: str) -> NameMap:
    """Parse `REGEX=CLASS`. Raises BadParameter for an invalid expression."""
    pattern, _, pool_class = text.rpartition("=")
    if not pattern:
        raise typer.BadParameter(rf"{text!r} is not like 'srv-(\d+)=small'", param_hint="--map")
    try:
        return NameMap(re.compile(pattern), pool_class)
    except (re.error, OverflowError, RecursionError) as error:
        raise typer.BadParameter(f"{pattern!r} is not a regular expression: {error}", param_hint="--map") from None
