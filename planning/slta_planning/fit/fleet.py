"""Fleet file from fitted curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from slta.cli.error_messages import UserError
from slta.cli.streams import file_named
from slta.core.limits import MAX_POOLS
from slta.fleet_file.yaml_file import load_yaml
from slta.models.errors import InvalidFleetError
from slta_planning.fit.candidates import Candidate
from slta_planning.fit.fitting import ClassFit

WIDTH = 118


def fleet_file(fits: Sequence[ClassFit], pools: Mapping[str, int], source: str) -> str:
    """The fleet file. Numbers of pools are as requested, by default those in the samples."""
    lines = [f"# Curves fitted to {source} by slta fit.", "fleet: default", "policy: auto", "classes:"]
    for fit in fits:
        count = min(pools.get(fit.name, fit.pools), MAX_POOLS)
        lines += [f"  - name: {_quoted(fit.name)}", f"    capacity: {fit.capacity}", f"    pools: {count}"]
        lines += ["    utility:", *_formula(fit.taken), *_utility(fit.taken.utility)]
    return "\n".join(lines) + "\n"


def _formula(taken: Candidate) -> list[str]:
    """Of a table that stands for a curve without a kind in fleet files, the curve, as a comment."""
    if taken.utility["kind"] == taken.kind:
        return []
    return ["      # " + taken.kind + "".join(f" {name} {_number(value)}" for name, value in taken.fields.items())]


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
