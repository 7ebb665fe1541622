"""Command line of `slta evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, tzinfo
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import typer
from rich.progress import Progress

from slta.cli.error_messages import in_one_line
from slta.cli.streams import refuse_both_standard, text_beside, write_json
from slta.core.fleet import FleetSpec
from slta.fleet_file.specs import compile_spec
from slta.fleet_file.yaml_file import load_yaml
from slta.models.errors import InvalidFleetError
from slta_experiments.parallel import progress_bar
from slta_planning.errors import UnusableError, file_named, unreadable_named
from slta_planning.evaluate import options
from slta_planning.evaluate.entries import FormatName
from slta_planning.evaluate.evaluate_report import report
from slta_planning.evaluate.holes import Hole, Holes, holes_of, refuse_holes
from slta_planning.evaluate.lines import LEFT_OUT
from slta_planning.evaluate.naming import Naming
from slta_planning.evaluate.presence import Unseen, presence_of
from slta_planning.evaluate.reading import Log, Selection, read_log
from slta_planning.evaluate.replay import RECORDED, Evaluation, evaluate
from slta_planning.evaluate.requests import put_together, refuse_requests
from slta_planning.evaluate.results import results
from slta_planning.evaluate.window import window_of
from slta_planning.text import JsonFile, error_text, tally, warn

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def command(
    log: options.LogFile,
    fleet: options.FleetFile,
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
    map_file: options.MapFile = None,
) -> None:
    """Evaluate a recorded placement, and other policies on the same sessions.

    Pools are named <class>-<k>, or by --map, or have a column `class`. Exit code 2: unusable log or fleet file.
    """
    refuse_both_standard(log, fleet, "LOG and --fleet")
    with in_one_line(InvalidFleetError, UnusableError), unreadable_named():
        loaded = load_yaml(fleet)
        spec, declared = compile_spec(loaded.file), {c.name: c.pool_count for c in loaded.file.classes}
        naming = Naming(declared, options.maps_of(map_ or [], declared))
        with progress_bar() as progress:
            selection = _selection(spec, format_, timezone, backend)
            selection = replace(selection, columns=options.columns_of(columns), with_ids=gap is not None)
            read = _read(progress, log, selection, naming)
            _refuse_if_too_many(read, max_left_out, unsorted=unsorted)
            refuse_requests(read, allowed=lines_are_sessions or gap is not None)
            cut = Cut(warm_up, cool_down, unseen, holes, holes_of(read))
            refuse_holes(cut.holes, read, 1.0 if holes else max_left_out)
            found, evaluation, data = _evaluated(partial(_measure, progress, spec, cut), read, gap)
        _refuse_if_too_many(found, max_left_out, unsorted=unsorted)
        with text_beside(json):
            typer.echo(report(data, timezone or UTC))
        _warn(spec, found, timezone)
        _write(data, evaluation, f"{log.name} on {fleet.name}", json, figure)
        _write_map(naming, map_file)


def _warn(spec: FleetSpec, log: Log, zone: tzinfo | None) -> None:
    if spec.session_types and not log.lines.typed:
        warn("no line has a session_type, though the fleet has types: all sessions count as default")
    if zone is None and log.format.name == "haproxy":
        warn("HAProxy's dates are taken as UTC; for another time zone use --timezone")


def _selection(
    spec: FleetSpec, named: FormatName | None, zone: tzinfo | None, backends: Collection[str] | None
) -> Selection:
    classes = spec.class_names()
    types = {name: {classes[c] for c in own} for name, own in zip(spec.type_names, spec.type_sets.classes, strict=True)}
    return Selection(named, zone, backends or (), types)


def _read(progress: Progress, log: Path, selection: Selection, naming: Naming) -> Log:
    task = progress.add_task("reading", total=log.stat().st_size or None)
    return read_log(log, selection, naming, lambda count: progress.advance(task, count))


class Cut(NamedTuple):
    """Seconds not measured at the beginning and the end; what is done about unseen pools and holes; the holes."""

    warm_up: float | None
    cool_down: float | None
    unseen: Unseen | None
    dropped: Holes | None
    holes: list[Hole]


def _measure(progress: Progress, spec: FleetSpec, cut: Cut, log: Log) -> tuple[Evaluation, dict[str, Any]]:
    """The evaluation of a log, and its figures."""
    task = progress.add_task("replaying", total=None)
    window = window_of(log, cut.warm_up, cut.cool_down, cut.holes if cut.dropped is Holes.DROP else ())
    presence = presence_of(spec, log, window, cut.unseen)
    found = evaluate(spec, log, window, presence, lambda done, of: progress.update(task, completed=done, total=of))
    return found, results(found, log, cut.holes)


Measure = Callable[[Log], tuple[Evaluation, dict[str, Any]]]


def _evaluated(measure: Measure, read: Log, gap: float | None) -> tuple[Log, Evaluation, dict[str, Any]]:
    """The sessions of a log, put together by a gap if there is one, and what `measure` finds."""
    if gap is None:
        return read, *measure(read)
    found = put_together(read, gap)
    evaluation, data = measure(found)
    others = {g: measure(put_together(read, g, 0))[1] for g in (gap / 2, gap * 2)}
    return found, evaluation, data | {"by_gap": _by_gap(data, gap, others)}


def _by_gap(data: Mapping[str, Any], gap: float, others: Mapping[float, Mapping[str, Any]]) -> list[dict[str, float]]:
    """Figures of sessions that were put together, by the gap."""
    return [
        {"gap_s": g, "sessions": one["sessions"], "mean_s": one["duration"]["mean_s"]}
        | {"mean_sessions": one["mean_sessions"], "relative_placement_gap": one[RECORDED]["relative_placement_gap"]}
        for g, one in sorted([(gap, data), *others.items()], key=itemgetter(0))
    ]


def _refuse_if_too_many(log: Log, most: float, *, unsorted: bool) -> None:
    """Raise Unusable if a larger fraction of the lines is left out, or after later ones."""
    lines = log.lines
    if lines.clock_back > most * lines.read and not unsorted:
        raise UnusableError(
            f"{lines.clock_back:,} of {lines.read:,} lines are after later ones: the clock went back, as when summer "
            "ends (HAProxy's dates need --timezone), or the log is not sorted. Sort it, or choose --unsorted if its "
            "times are right"
        )
    if lines.left_out <= most * lines.read:
        return
    counts = ((getattr(lines, kind), why) for kind, why in LEFT_OUT.items())
    kinds = ", ".join(f"{count:,} {why}" for count, why in counts if count)
    head = (
        f"{lines.left_out:,} of {lines.read:,} lines cannot be used ({kinds}), more than --max-left-out {most:g} allows"
    )
    reasons = (f"  {reason}" for reason in [*lines.bad_lines, *lines.incompatible_lines, *_of_unknown_pools(log)])
    raise UnusableError(error_text([head, *reasons]))


def _of_unknown_pools(log: Log) -> Iterator[str]:
    """The unknown pools, and the options that name them."""
    lines = log.lines
    yield from (f"unknown pool {pool} ({count:,} times)" for pool, count in lines.unknown_pools.items())
    if lines.unknown_servers:
        yield log.naming.remedy(list(lines.unknown_servers))
    if lines.unknown_pools and len(lines.backends) > 1:
        yield f"lines are of several backends, choose with --backend: {tally(lines.backends)}"


def _write(data: Mapping[str, Any], evaluation: Evaluation, title: str, json: Path | None, figure: Path | None) -> None:
    files = [*write_json(data, json)] if json else []
    if figure:
        from slta_planning.evaluate.picture import draw  # noqa: PLC0415 - imports matplotlib, which is slow

        files += draw(evaluation, title, figure)
    for file in files:
        typer.echo(f"wrote {file}", err=True)


def _write_map(naming: Naming, file: Path | None) -> None:
    if file is None:
        return
    servers = {server: pool for server, pool in naming.servers().items() if server.isprintable() and " " not in server}
    with file_named(file):
        file.write_text("".join(f"{server} {pool}\n" for server, pool in servers.items()), encoding="utf-8")
    typer.echo(f"wrote {file}", err=True)
    for reason in naming.unstable():
        warn(f"{file}: {reason}")
