"""Fleet file from curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from slta.cli.error_messages import UserError
from slta.cli.streams import file_named
from slta.core.limits import MAX_POOLS
from slta.fleet_file.yaml_file import load_yaml
from slta.models.errors import InvalidFleetError

if TYPE_CHECKING:
    from slta_planning.fit.candidates import Candidate
    from slta_planning.fit.fitting import ClassFit

WIDTH = 118


class ClassCurve(NamedTuple):
    """A class of a fleet file. `formula` is a comment above its curve."""

    name: str
    capacity: int
    pools: int
    utility: Mapping[str, Any]
    formula: str = ""


def fleet_file(classes: Sequence[ClassCurve], *comments: str) -> str:
    """The fleet file, below comments."""
    lines = [*(f"# {comment}" for comment in comments), "fleet: default", "policy: auto", "classes:"]
    for name, capacity, pools, utility, formula in classes:
        lines += [f"  - name: {_quoted(name)}", f"    capacity: {capacity}", f"    pools: {min(pools, MAX_POOLS)}"]
        lines += ["    utility:", *([f"      # {formula}"] if formula else []), *_utility(utility)]
    return "\n".join(lines) + "\n"


def fitted_classes(fits: Sequence[ClassFit], pools: Mapping[str, int]) -> list[ClassCurve]:
    """Numbers of pools are as requested, by default those in the samples."""
    return [
        ClassCurve(fit.name, fit.capacity, pools.get(fit.name, fit.pools), fit.taken.utility, _formula(fit.taken))
        for fit in fits
    ]


def _formula(taken: Candidate) -> str:
    """Of a table that stands for a curve without a kind in fleet files, the curve."""
    if taken.utility["kind"] == taken.kind:
        return ""
    return taken.kind + "".join(f" {name} {_number(value)}" for name, value in taken.fields.items())


def _utility(fields: Mapping[str, Any]) -> list[str]:
    values = {name: value for name, value in fields.items() if name != "values"}
    lines = [f"      {name}: {_number(value)}" for name, value in values.items()]
    if "values" in fields:
        lines += ["      values:", *_wrapped([_number(value) for value in fields["values"]])]
    return lines


def _wrapped(numbers: Sequence[str]) -> list[str]:
    """A list, wrapped to the line width."""
    lines, line = [], "        ["
    for number in numbers:
        if len(line) + len(number) + 2 > WIDTH:
            lines.append(line.rstrip())
            line = "         "
        line += f"{number}, "
    return [*lines, line.removesuffix(", ") + "]"]


def _number(value: Decimal | str) -> str:
    """A decimal without exponent."""
    return value if isinstance(value, str) else f"{value.normalize():f}"


def _quoted(name: str) -> str:
    """Quote a name that YAML could read as a number or another type."""
    return f'"{name}"'


def write_fleet(text: str, file: Path) -> Path:
    """Write the file; UserError if the service would refuse it."""
    beside = file.with_name(f"{file.name}.new")
    with file_named(file):
        beside.write_text(text, encoding="utf-8")
    try:
        load_yaml(beside)
        return beside.replace(file)
    except InvalidFleetError as error:
        why = replace(error.mistakes[0], place=None) if error.mistakes else error
        raise UserError(f"{file} was not written: a fleet file does not accept these curves or pools: {why}") from None
    finally:
        beside.unlink(missing_ok=True)
