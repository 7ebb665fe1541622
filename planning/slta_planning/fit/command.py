"""Command line of `slta fit`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer

from slta.cli.error_messages import NO, UserError, in_one_line
from slta.cli.options import JsonFile
from slta.cli.progress import progress_bar
from slta.cli.streams import deliver
from slta.cli.target import DEFAULT_URL, BaseUrl, KeyFile
from slta.models.errors import InvalidFleetError
from slta_planning.decoding import read_table
from slta_planning.fit import options
from slta_planning.fit.fit_report import report
from slta_planning.fit.fitting import ClassFit, FitTask, fit_class
from slta_planning.fit.fleet import ClassCurve, fitted_classes, fleet_file, write_fleet
from slta_planning.fit.prometheus import Range, Source, read_prometheus
from slta_planning.fit.results import results
from slta_planning.fit.samples import Samples, read_csv
from slta_planning.fit.series import exported, joined
from slta_planning.fit.weights import ASSUMED, weighted_classes, weights_of
from slta_planning.text import warn, wrapped

GIVE = "give a CSV file of samples, --prometheus, both names of an export, --weights, or --live with --fleet"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def command(
    samples: options.CsvFile = None,
    weights: options.Weights = None,
    per_pool: options.PerPool = False,  # noqa: FBT002 - a command-line option
    capacity: options.Capacity = None,
    curve: options.CurveKind = None,
    pools: options.Pools = None,
    max_left_out: options.MaxLeftOut = 0.01,
    yaml: options.YamlFile = None,
    json: JsonFile = None,
    figure: options.FigureFile = None,
    prometheus: options.Server = None,
    sessions_query: options.SessionsQuery = None,
    value_query: options.ValueQuery = None,
    class_label: options.ClassLabel = "pool_class",
    start: options.Start = None,
    end: options.End = None,
    step: options.Step = 300.0,
    token_file: options.TokenFile = None,
    live: options.Live = False,  # noqa: FBT002
    fleet: options.LiveFleet = None,
    propose: options.Propose = None,
    apply: options.Apply = False,  # noqa: FBT002
    at_most_every: options.AtMostEvery = options.DAY,
    yes: options.Yes = False,  # noqa: FBT002
    url: BaseUrl = DEFAULT_URL,
    key_file: KeyFile = None,
) -> None:
    """Fit concave utility curves to samples, and write a fleet file; or write one that places by weights.

    Exit code 1: the means of a class are not concave, and no fleet file is written.
    """
    with in_one_line(InvalidFleetError):
        if live and fleet and not (samples or prometheus or weights):
            _run_live(
                {"file": propose, "apply": apply, "at_most_every": at_most_every, "yes": yes, "figures": json},
                {"url": url, "key_file": key_file, "fleet": fleet},
            )
            return
        if weights and not (live or samples or prometheus):
            _write_weighted(weights_of(weights), capacity or [], pools or [], yaml)
            return
        if samples and not (live or weights or prometheus) and bool(sessions_query) == bool(value_query):
            source, found = samples.name, _read(samples, sessions_query, value_query, class_label)
        elif prometheus and sessions_query and value_query and not (live or samples or weights):
            token = token_file.read_text(encoding="utf-8").strip() if token_file else None
            span = Range(*options.range_of(start, end), step)
            server, source = Source(prometheus, token), value_query
            found = read_prometheus(server, sessions_query, value_query, class_label, span)
        else:
            raise typer.BadParameter(GIVE)
        found.refuse_if_too_many(max_left_out)
        names = list(found.classes)
        capacities, counts = options.sizes_of(capacity or [], pools or [], names)
        fits = _fit(found, FitTask(per_pool, None, curve), capacities)
        _write(fits, found, source, json, figure)
        if any(not fit.shape.is_concave for fit in fits):
            raise typer.Exit(NO)
        if yaml:
            _write_yaml(fitted_classes(fits, counts), yaml, f"Curves fitted to {source} by slta fit.")


def _run_live(given: Mapping[str, object], target: Mapping[str, Any]) -> None:
    if find_spec("aiohttp") is None:
        raise UserError("--live needs the extra `integrations` (in a checkout: make setup)")
    from slta_integrations.operator.registry import run_command  # noqa: PLC0415 - needs an extra
    from slta_planning.fit.live import live  # noqa: PLC0415

    asyncio.run(run_command(live, given, **target))


def _read(file: Path, sessions: str | None, value: str | None, class_label: str) -> Samples:
    """Samples of a CSV, or of two series of an export."""
    if not (sessions and value):
        return read_csv(file)
    table = read_table(file)
    _, head = next(table, (0, []))
    rows = list[list[str]]()
    for number, row in table:
        if len(row) != len(head):
            raise UserError(f"{file}, line {number}: {len(row)} columns instead of {len(head)}")
        rows.append(row)
    return joined(exported(head, rows, sessions, value), exported(head, rows, value, sessions), class_label)


def _fit(samples: Samples, task: FitTask, capacities: Mapping[str, int]) -> list[ClassFit]:
    with progress_bar() as progress:
        classes = {name: one for name, one in samples.classes.items() if one.sessions}
        return [
            fit_class(name, one, task._replace(capacity=capacities.get(name, capacities.get(""))))
            for name, one in progress.track(classes.items(), description="fitting")
        ]


def _warn(fits: Sequence[ClassFit]) -> None:
    for fit in fits:
        for warning in fit.warnings:
            warn(f"{fit.name}: {warning}")
        if not fit.shape.is_concave:
            words = f"slta: class {fit.name} is refused; --capacity {fit.name}=N excludes samples above N"
            typer.echo("\n".join(wrapped([words])), err=True)


def _write_weighted(
    weights: Mapping[str, Decimal], capacity: Sequence[str], pools: Sequence[str], yaml: Path | None
) -> None:
    """Write the fleet file, or print it."""
    classes = weighted_classes(weights, *options.sizes_of(capacity, pools, [*weights]))
    stated = ", ".join(f"{name} {weight}" for name, weight in weights.items())
    comments = (f"Weights {stated}: sessions are shared as by these, at any load.", ASSUMED)
    if yaml:
        _write_yaml(classes, yaml, *comments)
    else:
        typer.echo(fleet_file(classes, *comments), nl=False)


def _write_yaml(classes: Sequence[ClassCurve], file: Path, *comments: str) -> None:
    """Write the fleet file, and warn of classes without pools."""
    typer.echo(f"wrote {write_fleet(fleet_file(classes, *comments), file)}", err=True)
    names = [one.name for one in classes if not one.pools]
    if names:
        more = " ".join(f"--pools {name}=N" for name in names)
        warn(f"the fleet file has pools: 0 of {', '.join(names)}; use a column pool, or {more}")


def _write(fits: Sequence[ClassFit], samples: Samples, source: str, json: Path | None, figure: Path | None) -> None:
    files = deliver(report(fits, samples), results(fits, samples), json)
    _warn(fits)
    if figure:
        from slta_planning.fit.picture import draw  # noqa: PLC0415 - imports matplotlib, which is slow

        files += draw(fits, f"curves fitted to {source}", figure)
    for file in files:
        typer.echo(f"wrote {file}", err=True)
