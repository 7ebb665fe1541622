"""Command line of `slta fit`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

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
_SERIES = "max_left_out json sessions_query value_query class_label"
_FIT = f"{_SERIES} per_pool capacity curve pools yaml figure"
_LIVE = "fleet propose apply at_most_every yes json url key_file"
OPTIONS = {
    "samples": _FIT,
    "--prometheus": f"{_FIT} start end step token_file",
    "--weights": "capacity pools yaml",
    "--live": f"{_LIVE} state",
    "--prometheus --live": f"{_LIVE} {_SERIES} start end step token_file",
}
"""By what curves are made from, the options that have an effect beside it."""

_Sizes = tuple[Sequence[str], Sequence[str]]
"""Values of --capacity and --pools."""
_Found = tuple[Samples, str]
"""Samples, and where they are from."""
_Files = tuple[Path | None, Path | None, Path | None]
"""Values of --yaml, --json and --figure; of --state, --propose and --json."""


class _Names(NamedTuple):
    """Queries of both series, or their names, the label of the class, and the largest share of them to leave out."""

    sessions: str | None
    value: str | None
    class_label: str
    most_left_out: float

    def checked(self, samples: Samples) -> Samples:
        samples.refuse_if_too_many(self.most_left_out)
        return samples

    def both(self) -> tuple[str, str]:
        if not (self.sessions and self.value):
            raise typer.BadParameter(GIVE)
        return self.sessions, self.value


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def command(
    context: typer.Context,
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
    state: options.State = None,
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
    sizes, names = (capacity or [], pools or []), _Names(sessions_query, value_query, class_label, max_left_out)
    with in_one_line(InvalidFleetError):
        _check(context)
        found = _queried(prometheus, token_file, names, (start, end, step)) if prometheus else _read(samples, names)
        if weights:
            _write_weighted(weights_of(weights), *sizes, yaml)
        elif live:
            _run_live(found and found[0], (state, propose, json), (apply, at_most_every, yes), (url, key_file, fleet))
        elif found:
            _fit(found, FitTask(per_pool, None, curve), sizes, (yaml, json, figure))


def _check(context: typer.Context) -> None:
    """Raise BadParameter unless curves are made from one thing, and for an option without effect on that."""
    source = " ".join(name for name in OPTIONS if context.params.get(name.strip("-")))
    if source not in OPTIONS:
        raise typer.BadParameter(GIVE)
    known = {name.strip("-") for name in f"{source} {OPTIONS[source]}".split()}
    for option in context.command.params:
        given = context.get_parameter_source(str(option.name))
        if option.name not in known and given and given.name == "COMMANDLINE":
            raise typer.BadParameter(f"has no effect with {source}", param_hint=option.opts[0])


def _run_live(
    samples: Samples | None,
    files: _Files,
    applying: tuple[bool, float, bool],
    target: tuple[str, Path | None, str | None],
) -> None:
    url, key_file, fleet = target
    if not fleet:
        raise typer.BadParameter(GIVE)
    if find_spec("aiohttp") is None:
        raise UserError("--live needs the extra `integrations` (in a checkout: make setup)")
    from slta_integrations.operator.registry import run_command  # noqa: PLC0415 - needs an extra
    from slta_planning.fit.live import Files, live  # noqa: PLC0415

    given = dict(zip(("apply", "at_most_every", "yes"), applying, strict=True))
    options_given = {"seen": samples, "files": Files(*files), **given}
    asyncio.run(run_command(live, options_given, url=url, key_file=key_file, fleet=fleet))


def _read(file: Path | None, names: _Names) -> _Found | None:
    """Samples of a CSV, or of two series of an export, if there is a file."""
    if file is None:
        return None
    if not (names.sessions or names.value):
        return names.checked(read_csv(file)), file.name
    sessions, value = names.both()
    table = read_table(file)
    _, head = next(table, (0, []))
    rows = list[list[str]]()
    for number, row in table:
        if len(row) != len(head):
            raise UserError(f"{file}, line {number}: {len(row)} columns instead of {len(head)}")
        rows.append(row)
    series = exported(head, rows, sessions, value), exported(head, rows, value, sessions)
    return names.checked(joined(*series, names.class_label)), file.name


def _queried(
    url: str, token_file: Path | None, names: _Names, times: tuple[float | None, float | None, float]
) -> _Found:
    sessions, value = names.both()
    token = token_file.read_text(encoding="utf-8").strip() if token_file else None
    span = Range(*options.range_of(*times[:2]), times[2])
    return names.checked(read_prometheus(Source(url, token), sessions, value, names.class_label, span)), value


def _fit(found: _Found, task: FitTask, sizes: _Sizes, files: _Files) -> None:
    """Fit each class and write the results; the fleet file only if all are concave."""
    (samples, source), (yaml, json, figure) = found, files
    capacities, counts = options.sizes_of(*sizes, list(samples.classes))
    with progress_bar() as progress:
        classes = {name: one for name, one in samples.classes.items() if one.sessions}
        fits = [
            fit_class(name, one, task._replace(capacity=capacities.get(name, capacities.get(""))))
            for name, one in progress.track(classes.items(), description="fitting")
        ]
    _write(fits, samples, source, json, figure)
    if any(not fit.shape.is_concave for fit in fits):
        raise typer.Exit(NO)
    if yaml:
        _write_yaml(fitted_classes(fits, counts), yaml, f"Curves fitted to {source} by slta fit.")


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
