"""Command line of `slta check`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from slta.cli.error_messages import NO, UserError, in_one_line
from slta.cli.options import FleetFile, JsonFile
from slta.cli.progress import progress_bar
from slta.cli.streams import deliver
from slta.core.fleet import FleetSpec
from slta.fleet_file.specs import compile_spec
from slta.fleet_file.yaml_file import LoadedFleet, load_yaml
from slta.models.errors import InvalidFleetError
from slta_planning.check.check_report import report
from slta_planning.check.facts import AtLoad, Facts, facts_of
from slta_planning.check.warnings import warnings_of
from slta_planning.refusing import refuse
from slta_planning.text import UnclearLoad, counted, warn, wrapped

NEEDED = ("numpy", "scipy", "matplotlib")
MISSING = "no policy was tried: this needs the extra `planning` (in a checkout: make setup)"
TYPED = (
    "no best assignment is shown and no policy was tried: with session types both depend on the share of each type, "
    "which a number does not say, and of the policies that place sessions only jlmu knows types"
)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Checked:
    """Result for a valid file, as text and as JSON."""

    text: str
    warnings: list[str]
    data: dict[str, Any]


@app.command()
def command(
    fleet: FleetFile,
    sessions: Annotated[
        list[float] | None,
        typer.Option(
            min=0, help="Load to analyse: sessions of the whole fleet; repeatable.", show_default="four shares"
        ),
    ] = None,
    load_per_pool: Annotated[
        list[float] | None, typer.Option(min=0, help="The same as sessions per pool; repeatable.")
    ] = None,
    load: UnclearLoad = None,  # noqa: ARG001 - its callback refuses it
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,  # noqa: FBT002
    json: JsonFile = None,
) -> None:
    """Validate a fleet file and report what follows from it, without starting anything.

    Exit code 1: invalid, or with --strict a warning.
    """
    with in_one_line():
        if not all(map(math.isfinite, [*(sessions or []), *(load_per_pool or [])])):
            raise UserError("a load must be a finite number, not inf")
        try:
            checked = _check(fleet, load_yaml(fleet), sessions or [], load_per_pool or [])
        except InvalidFleetError as error:
            refuse(fleet, error, json, NO)
        fails = strict and bool(checked.warnings)
        figures = {"valid": not fails, "mistakes": [], "warnings": checked.warnings, **checked.data}
        deliver(checked.text, figures, json)
        for warning in checked.warnings:
            warn(warning)
    if fails:
        raise typer.Exit(NO)


def _check(fleet: Path, loaded: LoadedFleet, sessions: list[float], per_pool: list[float]) -> Checked:
    """Analyse a valid file."""
    spec = compile_spec(loaded.file)
    counts = [c.pool_count for c in loaded.file.classes]
    pools = counts if any(counts) else [1] * len(counts)
    facts = facts_of(spec, pools, [*sessions, *(load * sum(pools) for load in per_pool)])
    found = warnings_of(spec, facts, sum(counts))
    words, tried = _try(spec, facts)
    head = f"{fleet} is valid: {counted(len(counts), 'class', 'classes')}, {spec.policy.title}"
    if found:
        head += f", {counted(len(found), 'warning')}"
    return Checked(f"{head}\n\n{report(spec, facts)}\n\n{words}", found, _figures(spec, facts) | tried)


def _try(spec: FleetSpec, facts: Facts) -> tuple[str, dict[str, Any]]:
    """Policy recommendation as text and JSON; with session types or without the extra, why there is none."""
    if spec.session_types:
        return "\n".join(wrapped([TYPED])), {}
    if any(find_spec(name) is None for name in NEEDED):
        return MISSING, {}
    from slta_planning.check.trial import advice, trial_of  # noqa: PLC0415 - numpy is an extra

    with progress_bar() as progress:
        task = progress.add_task("trying policies", total=None)
        trial = trial_of(spec, facts, lambda done, of: progress.update(task, completed=done, total=of))
    lost = {name: [one._asdict() for one in rows] for name, rows in trial.lost.items()}
    policies = {"pools": trial.pools, "sessions": trial.loads, "relative_placement_gap": lost, "choice": trial.choice}
    return advice(spec, trial, sum(facts.pools)), {"policies": policies}


def _figures(spec: FleetSpec, facts: Facts) -> dict[str, Any]:
    """Facts as JSON, with class names."""
    names = spec.class_names()
    return {
        "classes": {
            name: {"pools": count, "capacity": len(column), "marginals": column}
            for name, count, column in zip(names, facts.pools, spec.ranking.marginals, strict=True)
        },
        "capacity": facts.capacity,
        "useful": facts.useful,
        "order": [{"class": names[i], "level": level} for i, level in spec.ranking.order],
        "session_types": {name: [names[i] for i in own] for name, own in _types(spec)},
        "loads": [] if spec.session_types else [_at_load(names, at) for at in facts.loads],
        "green_enough": facts.green_enough if spec.policy.has_thresholds else None,
        "ties": [
            {"marginal": tie.marginal, "levels": [{"class": names[i], "level": j} for i, j in tie.coordinates]}
            for tie in facts.ties
        ],
    }


def _types(spec: FleetSpec) -> list[tuple[str, Sequence[int]]]:
    """Classes of each session type; none without types."""
    return list(zip(spec.type_names, spec.type_sets.classes, strict=True)) if spec.session_types else []


def _at_load(names: Sequence[str], at: AtLoad) -> dict[str, Any]:
    return {
        "sessions": at.sessions,
        "rank": at.rank,
        "class": names[at.coordinate.pool_class],
        "level": at.coordinate.level,
        "thresholds": dict(zip(names, at.thresholds, strict=True)),
        "occupancies": dict(zip(names, at.occupancies, strict=True)),
        "utility": at.utility,
        "price": at.price,
        "usual_gap": at.usual_gap,
    }
