"""Command line of `slta evaluate`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.progress import Progress

from slta.cli.error_messages import in_one_line
from slta.core.fleet import FleetSpec
from slta.fleet_file.specs import compile_spec
from slta.fleet_file.yaml_file import load_yaml
from slta.models.errors import InvalidFleetError
from slta_experiments.parallel import progress_bar
from slta_planning.errors import UnusableError, unreadable_named
from slta_planning.evaluate.entries import FormatName
from slta_planning.evaluate.evaluate_report import report
from slta_planning.evaluate.naming import Naming
from slta_planning.evaluate.reading import Lines, Log, read_log
from slta_planning.evaluate.replay import Evaluation, evaluate
from slta_planning.evaluate.results import results
from slta_planning.evaluate.window import Window, window_of
from slta_planning.text import write_json

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise typer.BadParameter(f"unknown time zone {name!r}; use a name like Europe/Berlin") from None


@app.command()
def command(
    log: Annotated[
        Path,
        typer.Argument(metavar="LOG", help="CSV, JSON lines, or HAProxy's httplog or tcplog; may be gzipped."),
    ],
    fleet: Annotated[Path, typer.Option(help="Fleet file with classes, curves and numbers of pools.")],
    format_: Annotated[
        FormatName | None,
        typer.Option("--format", help="Format of the log.", show_default="detected from its first lines"),
    ] = None,
    timezone: Annotated[tzinfo, typer.Option(help="Of HAProxy's dates and the report.", parser=_zone)] = "UTC",  # type: ignore[assignment]
    warm_up: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds to exclude at the beginning.", show_default="a mean duration"),
    ] = None,
    cool_down: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Seconds to exclude at the end.",
            show_default="a mean duration if lines are written at the end of sessions, else 0",
        ),
    ] = None,
    max_left_out: Annotated[float, typer.Option(min=0, max=1, help="Maximum fraction of lines left out.")] = 0.01,
    json: Annotated[Path | None, typer.Option(help="Write the figures to this JSON file.")] = None,
    figure: Annotated[Path | None, typer.Option(help="Write the plot to this file, as SVG and PNG.")] = None,
) -> None:
    """Evaluate a recorded placement, and other policies on the same sessions.

    Pools are named <class>-<k>, or have a column `class`. Exit code 2: unusable log or fleet file.
    """
    with in_one_line(InvalidFleetError, UnusableError), unreadable_named():
        loaded = load_yaml(fleet)
        with progress_bar() as progress:
            found = _read(progress, log, format_, timezone, {c.name: c.pools for c in loaded.file.classes})
            _refuse_if_too_many(found.lines, max_left_out)
            evaluation = _replay(progress, compile_spec(loaded.file), found, window_of(found, warm_up, cool_down))
        _refuse_if_too_many(found.lines, max_left_out)
        data = results(evaluation, found)
        typer.echo(report(data, timezone))
        for file in _write(data, evaluation, f"{log.name} on {fleet.name}", json, figure):
            typer.echo(f"wrote {file}", err=True)


def _read(progress: Progress, log: Path, named: FormatName | None, zone: tzinfo, declared: Mapping[str, int]) -> Log:
    task = progress.add_task("reading", total=log.stat().st_size or None)
    return read_log(log, named, zone, Naming(declared), lambda count: progress.advance(task, count))


def _replay(progress: Progress, spec: FleetSpec, log: Log, window: Window) -> Evaluation:
    task = progress.add_task("replaying", total=None)
    return evaluate(spec, log, window, lambda done, of: progress.update(task, completed=done, total=of))


def _refuse_if_too_many(lines: Lines, most: float) -> None:
    """Raise Unusable if a larger fraction of the lines is left out."""
    if lines.left_out <= most * lines.read:
        return
    why = [*lines.bad_lines, *(f"unknown pool {pool} ({count:,} times)" for pool, count in lines.unknown_pools.items())]
    raise UnusableError(
        f"{lines.left_out:,} of {lines.read:,} lines cannot be used ({lines.bad:,} bad, {lines.unknown_pool:,} on "
        f"unknown pools, {lines.overlapping:,} on full pools), more than --max-left-out {most:g} allows"
        + "".join(f"\n  {reason}" for reason in why)
    )


def _write(
    data: Mapping[str, Any], evaluation: Evaluation, title: str, json: Path | None, figure: Path | None
) -> Iterator[Path]:
    if json:
        yield write_json(data, json)
    if figure:
        from slta_planning.evaluate.picture import draw  # noqa: PLC0415 - imports matplotlib, which is slow

        yield from draw(evaluation, title, figure)
