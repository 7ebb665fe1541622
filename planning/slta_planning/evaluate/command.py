"""Command line of `slta evaluate`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from datetime import UTC, tzinfo
from pathlib import Path

import typer
from rich import progress as bars

from slta.cli.error_messages import in_one_line
from slta.cli.options import FleetFile, JsonFile
from slta.cli.progress import progress_bar
from slta.cli.streams import deliver, file_named, refuse_both_standard
from slta.fleet_file.yaml_file import load_yaml
from slta.models.errors import InvalidFleetError
from slta.parsing import printable
from slta_planning.evaluate import options
from slta_planning.evaluate.api import Answer, Options, Progress, evaluated
from slta_planning.evaluate.evaluate_report import report
from slta_planning.evaluate.pool_numbers import PoolNumbers
from slta_planning.text import warn

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def command(
    log: options.LogFile,
    fleet: FleetFile,
    format_: options.Format = None,
    timezone: options.Timezone = None,
    map_: options.Maps = None,
    backend: options.Backends = None,
    unseen: options.UnseenPools = None,
    warm_up: options.WarmUp = None,
    cool_down: options.CoolDown = None,
    max_left_out: options.MaxLeftOut = 0.01,
    columns: options.Columns = None,
    gap: options.Gap = None,
    lines_are_sessions: options.LinesAreSessions = False,  # noqa: FBT002 - a command-line option
    json: JsonFile = None,
    holes: options.HolesInLog = None,
    unsorted: options.Unsorted = False,  # noqa: FBT002 - a command-line option
    figure: options.FigureFile = None,
    html: options.HtmlFile = None,
    map_file: options.MapFile = None,
) -> None:
    """Evaluate a recorded placement, and other policies on the same sessions.

    Pools are named <class>-<k>, or by --map, or have a column `class`.
    """
    refuse_both_standard(log, fleet, "LOG and FLEET_FILE")
    names, maps = options.columns_of(columns), [options.map_of(text) for text in map_ or []]
    with in_one_line(InvalidFleetError):
        cut = (unseen, warm_up, cool_down, max_left_out, gap, holes, lines_are_sessions, unsorted)
        with progress_bar() as bar:
            wanted = Options(format_, timezone, maps, backend or (), names, *cut)
            found = evaluated(log, load_yaml(fleet).file, wanted, _progress(bar, log))
        written = deliver(report(found.data, timezone or UTC), found.data, json)
        _warn(found, timezone)
        title = printable(f"{log.name} on {fleet.name}")
        for path in [*written, *_pictures(found, title, timezone or UTC, figure, html)]:
            typer.echo(f"wrote {path}", err=True)
        _write_map(found.log.numbers, map_file)


def _progress(bar: bars.Progress, log: Path) -> Progress:
    reading = bar.add_task("reading", total=log.stat().st_size or None)
    replaying = bar.add_task("replaying", total=None)
    return Progress(
        lambda count: bar.advance(reading, count), lambda done, of: bar.update(replaying, completed=done, total=of)
    )


def _warn(found: Answer, zone: tzinfo | None) -> None:
    if found.spec.session_types and not found.log.lines.typed:
        warn("no line has a session_type, though the fleet has types: all sessions count as default")
    if zone is None and found.log.format.is_local():
        warn("HAProxy's dates are taken as UTC; for another time zone use --timezone")


def _pictures(found: Answer, title: str, zone: tzinfo, figure: Path | None, html: Path | None) -> Iterator[Path]:
    if figure is None and html is None:
        return
    from slta_experiments.study_report import write_figure  # noqa: PLC0415 - imports matplotlib, which is slow
    from slta_planning.evaluate.html_report import write_html  # noqa: PLC0415 - as above
    from slta_planning.evaluate.picture import draw  # noqa: PLC0415 - as above

    canvas = draw(found.evaluation, title)
    if figure:
        yield from write_figure(canvas, figure)
    if html:
        yield write_html(found.data, zone, title, canvas, printable(shlex.join(["slta", *sys.argv[1:]])), html)


def _write_map(numbers: PoolNumbers, file: Path | None) -> None:
    if file is None:
        return
    servers = {server: pool for server, pool in numbers.servers().items() if server.isprintable() and " " not in server}
    with file_named(file):
        file.write_text("".join(f"{server} {pool}\n" for server, pool in servers.items()), encoding="utf-8")
    typer.echo(f"wrote {file}", err=True)
    for reason in numbers.unstable():
        warn(f"{file}: {reason}")
