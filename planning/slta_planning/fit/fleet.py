"""Fleet file from curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from slta.cli.error_messages import UserError
from slta.cli.streams import file_named
from slta.core.limits import MAX_POOLS
from slta.fleet_file.yaml_file import load_yaml
from slta.models.errors import InvalidFleetError
from slta.parsing.strict_json import canonical

if TYPE_CHECKING:
    from slta_planning.fit.candidates import Candidate
    from slta_planning.fit.fitting import ClassFit

WIDTH = 105


class ClassCurve(NamedTuple):
    """A class of a fleet file. `formula` is a comment above it."""

    name: str
    capacity: int
    pools: int
    utility: Mapping[str, Any]
    formula: str = ""


def fleet_file(classes: Sequence[ClassCurve], *comments: str) -> str:
    """The fleet file, below comments."""
    head = "".join(f"# {comment}\n" for comment in comments)
    return f"{head}fleet: default\npolicy: auto\nclasses:\n" + "".join(map(_entry, classes))


def _entry(one: ClassCurve) -> str:
    pools = min(one.pools, MAX_POOLS)
    fields = {"name": one.name, "capacity": one.capacity, "pools": pools, "utility": dict(one.utility)}
    return (f"# {one.formula}\n" if one.formula else "") + yaml_text([fields])


def plain(value: object) -> Any:  # noqa: ANN401 - JSON
    """The value with numbers in place of decimals."""
    return json.loads(canonical(value))


def yaml_text(value: object) -> str:
    """The value as YAML; lists and mappings of numbers and texts on one line."""
    return yaml.safe_dump(plain(value), sort_keys=False, default_flow_style=None, width=WIDTH, allow_unicode=True)


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
    return taken.kind + "".join(f" {name} {canonical(value)}" for name, value in taken.fields.items())


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
