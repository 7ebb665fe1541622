"""`slta fit --live`: curves proposed from what the pools of a running fleet measured, reported, written or applied."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import typer
from pydantic import TypeAdapter, ValidationError

from slta.cli.error_messages import UserError
from slta.cli.streams import deliver
from slta.core.quality import LevelSamples
from slta.core.utility import AlphaFairUtility, Utility, WeightedLeastConnectionsUtility
from slta.fleet_file.curves import Table
from slta.fleet_file.pool_classes import ClassFile
from slta.fleet_file.schema import FleetFile
from slta_integrations.operator.calls import Operator
from slta_integrations.operator.fleet import configured, put
from slta_planning.fit.candidates import cumulated
from slta_planning.fit.change import Judged, Mark, judge
from slta_planning.fit.fit_report import shown_levels
from slta_planning.fit.fleet import write_fleet, yaml_text
from slta_planning.fit.learned import Quality, visits
from slta_planning.fit.levels import Floats
from slta_planning.fit.proposal import RULES, Proposal, propose
from slta_planning.fit.samples import ClassSamples, Samples
from slta_planning.fit.weights import ALPHA
from slta_planning.text import columns, counted, percent, warn, wrapped

MIXED = "with session types a curve is that of the mix, and the gain is that of sessions that may use every class"
State = tuple[dict[str, Any], dict[str, Mark]]
"""Fleet with all of which a change makes it forget its samples, and marks by class."""


class Files(NamedTuple):
    """Where the marks of the last run are kept, and where to write the proposal and the figures."""

    state: Path | None
    proposed: Path | None
    figures: Path | None


async def live(
    operator: Operator, *, seen: Samples | None, files: Files, apply: bool, at_most_every: float, yes: bool
) -> None:
    """Report what is proposed; write it to a file, and apply it if it is worth it and the last change is old.

    `seen` takes the place of the samples that the fleet has.
    """
    now, quality, state = [await operator.call("GET", path) for path in ("", "quality", "state")]
    if quality["unit"] is None:
        raise UserError("the fleet measures no quality: its file has none, see docs/curves.md")
    if seen:
        for one in quality["classes"]:
            own = seen.classes.get(one["name"], ClassSamples())
            one["levels"] = [*visits(own, one["capacity"], quality["per"])]
    fleet, judged = configured(now), _judged(files.state, now["fleet"], quality)
    classes = _classes(fleet, judged, state)
    found = propose(classes, state["sessions"]["active"], in_unit=fleet.utility_unit == quality["unit"])
    verdict = wrapped(_verdict(found, quality, has_types=bool(fleet.session_types)))
    deliver("\n".join([*_report(classes, found), *verdict]), _figures(judged, classes, found), files.figures)
    proposed = _proposed(fleet, found, quality["unit"])
    if files.proposed:
        typer.echo(f"wrote {write_fleet(_text(now['fleet'], proposed), files.proposed)}", err=True)
    if apply and (why := await _why_not(operator, found, at_most_every)):
        typer.echo(f"nothing was applied: {why}", err=True)
    elif apply:
        version, _ = await put(operator, "", now, proposed, yes=yes, keeps_learned=False)
        typer.echo(f"applied: version {version}", err=True)


def _judged(file: Path | None, fleet: str, quality: Mapping[str, Any]) -> dict[str, Judged]:
    """What counts by class, with a warning of those that have changed; the file gets the marks. Raises UserError."""
    capacities = {one["name"]: one["capacity"] for one in quality["classes"]}
    head = {"fleet": fleet, "per": quality["per"], "unit": quality["unit"], "capacities": capacities}
    marks = _marks(file, head) if file and file.exists() else {}
    found = {
        one["name"]: judge(marks.get(one["name"], Mark()), [LevelSamples(**level) for level in one["levels"]])
        for one in quality["classes"]
    }
    for name, one in found.items():
        if one.multiple is not None:
            warn(f"{name} has changed: its newest samples are {one.multiple:.3g} times the older ones; all are dropped")
    if file:
        new = file.with_name(f"{file.name}.new")
        new.write_bytes(TypeAdapter(State).dump_json((head, {name: one.mark for name, one in found.items()})))
        new.replace(file)
    return found


def _marks(file: Path, head: Mapping[str, Any]) -> dict[str, Mark]:
    """Marks in the file; none if the fleet has forgotten its samples since. Raises UserError."""
    try:
        known, marks = TypeAdapter(State).validate_json(file.read_bytes())
    except ValidationError:
        raise UserError(f"--state: {file} was not written by `slta fit --live`") from None
    if known.get("fleet") != head["fleet"]:
        raise UserError(f"--state: {file} belongs to the fleet {known.get('fleet')}")
    return marks if known == head else {}


def _text(name: str, proposed: FleetFile) -> str:
    """YAML of a proposal, without the marks of learned curves, by which an apply of it would keep the present ones."""
    classes = [entry.model_copy(update={"curve": None}) for entry in proposed.classes]
    fields = json.loads(proposed.model_copy(update={"classes": classes}).document())
    return yaml_text({"fleet": name, **fields})


async def _why_not(operator: Operator, found: Proposal, at_most_every: float) -> str:
    """Why a proposal is not applied; '' if it is."""
    if not found.is_worth_it:
        return "it is not worth it"
    changes = await operator.entries("events", "events")
    latest = max((one["at"] for one in changes if one["action"] == "put_fleet"), default=0.0)
    return "" if time.time() - latest >= at_most_every else "the last change of the fleet is not old enough"


def _classes(fleet: FleetFile, judged: Mapping[str, Judged], state: Mapping[str, Any]) -> list[Quality]:
    """Classes of the file with their samples and active pools."""
    return [
        Quality(entry.name, counts["pools"]["active"], _slopes(entry), judged[entry.name].counting)
        for entry, counts in zip(fleet.classes, state["classes"], strict=True)
    ]


def _slopes(entry: ClassFile) -> Floats:
    """What each session adds; of weights, whose curve is negative, by the curve that `--weights` assumes."""
    curve: Utility = entry.utility.utility()
    if isinstance(curve, WeightedLeastConnectionsUtility):
        curve = AlphaFairUtility(curve.weight, Fraction(ALPHA))
    return np.array([float(curve.marginal(x)) for x in range(entry.capacity)])


def _proposed(fleet: FleetFile, found: Proposal, unit: str) -> FleetFile:
    """The configuration with the proposed curves, those that are measured marked as learned; without a factor as it is.

    A curve in the unit of the samples that is not measured is kept in its form.
    """
    if not found.factor:
        return fleet
    classes = []
    for entry, slopes, lack in zip(fleet.classes, found.proposed, found.lacking, strict=True):
        curve = Table(kind="table", values=[Decimal(0), *cumulated(slopes)])
        mark = entry.curve if lack else "learned"
        is_kept = lack and found.factor == 1
        classes.append(entry if is_kept else entry.model_copy(update={"utility": curve, "curve": mark}))
    return fleet.model_copy(update={"utility_unit": unit, "classes": classes})


def _report(classes: Sequence[Quality], found: Proposal) -> Iterator[str]:
    """Of each class what was measured, and both curves in the unit of the samples."""
    for one, lack, *curves in zip(classes, found.lacking, found.present, found.proposed, strict=True):
        capacity, means = len(one.slopes), dict(zip(one.at, zip(one.counts, one.means, strict=True), strict=True))
        reach = f"measured up to level {one.at[-1]} of {capacity}" if not lack else f"not measured: {lack}"
        yield f"{one.name}: {counted(one.pools, 'pool')}, {counted(one.counts.sum(), 'sample')}, {reach}"
        present, proposed = (np.cumsum(slopes) for slopes in curves)
        rows = [["sessions", "samples", "mean of a pool", "present u", "proposed u"]]
        for x in sorted({*shown_levels(capacity), *(one.at[k - 1] for k in shown_levels(len(one.at)))}):
            seen = [f"{means[x][0]:,.0f}", f"{means[x][1]:.4g}"] if x in means else ["0", "–"]
            rows.append([str(x), *seen, f"{present[x - 1]:.4g}", f"{proposed[x - 1]:.4g}"])
        yield from ["", *columns(rows), ""]


def _verdict(found: Proposal, quality: Mapping[str, Any], *, has_types: bool) -> Iterator[str]:
    unit = f"values in {quality['unit']}"
    yield unit + (f": stated curves are multiplied by {found.factor:.4g}" if found.factor not in (0, 1) else "")
    gain, least, whole, error = map(percent, found.gains)
    yield f"at the present load the proposed curves gain {gain} of utility"
    yield f"if curves are straight below the levels with samples and flat above them: {least}"
    rule = f"unshortened they gain {whole} ± {error}; more than {percent(RULES.gain)} and the error is needed"
    yield f"{'' if found.is_worth_it else 'not '}worth it: {rule}"
    if has_types:
        yield MIXED


def _figures(judged: Mapping[str, Judged], classes: Sequence[Quality], found: Proposal) -> dict[str, Any]:
    rows = zip(classes, found.lacking, found.present, found.proposed, strict=True)
    return {
        "factor": found.factor,
        "gain": found.gains._asdict(),
        "is_worth_it": found.is_worth_it,
        "classes": {
            one.name: {
                "pools": one.pools,
                "levels": [*map(asdict, one.levels)],
                "changed_by": judged[one.name].multiple,
                "lacks": lack,
                "present": np.cumsum(present).tolist(),
                "proposed": np.cumsum(proposed).tolist(),
            }
            for one, lack, present, proposed in rows
        },
    }
