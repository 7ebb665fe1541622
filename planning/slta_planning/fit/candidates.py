"""Candidate curves of a class for the fleet file, the table and each family, and the choice among them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter, ValidationError

from slta.fleet_file.curves import Curve
from slta_planning.fit.concave import Concave
from slta_planning.fit.families import DIGITS, FAMILIES, Problem
from slta_planning.fit.levels import Floats, Levels

TABLE = "table"
PLACES = 6
"""Digits of the largest marginal utility that a table keeps."""

_FILE_CURVE: TypeAdapter[Any] = TypeAdapter(Curve)


@dataclass(frozen=True)
class Candidate:
    """Candidate curve: its `fields`, its `utility` in the fleet file, and its distance from the samples.

    `values` are u(0), u(1), … u(capacity). `residual` is the root mean square distance from the level means,
    weighted by sample counts, on the samples' scale. `criterion` is Schwarz's (BIC): the misfit plus a penalty
    for each of the `parameters`; the smallest is taken.
    """

    kind: str
    fields: dict[str, Decimal]
    utility: dict[str, Any]
    parameters: int
    values: Floats
    residual: float
    criterion: float


def candidates(levels: Levels, curve: Concave, capacity: int) -> list[Candidate]:
    """The table first, then the families that can be fitted and written to a fleet file."""
    top = max(capacity, levels.last)
    fitted = _Curve(TABLE, {}, *_table(curve.marginals(top), capacity))
    return [_beside(levels, fitted, curve.parameters, capacity), *_families(levels, top, capacity)]


class _Curve(NamedTuple):
    """A curve, not yet compared with the samples; `values` go on to the highest level with samples."""

    kind: str
    fields: dict[str, Decimal]
    utility: dict[str, Any]
    values: Floats


def _table(marginals: Floats, capacity: int) -> tuple[dict[str, Any], Floats]:
    """A table for a fleet file, and all values."""
    table = [Decimal(0), *cumulated(marginals)]
    return {"kind": TABLE, "values": table[: capacity + 1]}, np.array([float(value) for value in table])


def cumulated(marginals: Floats) -> Iterator[Decimal]:
    """u(1), u(2), …: sums of rounded marginal utilities, which stay in order where rounded sums would not."""
    largest = float(np.abs(marginals).max())
    exponent = math.floor(math.log10(largest)) + 1 - PLACES if largest > 0 else 0
    step, total = Decimal(1).scaleb(exponent), Decimal(0)
    for marginal in marginals:
        total += Decimal(float(marginal)).quantize(step)
        yield total


def _families(levels: Levels, top: int, capacity: int) -> Iterator[Candidate]:
    problem = Problem(levels.at, levels.scale, levels.means, levels.noise.weights)
    for kind, family in FAMILIES.items():
        found = family.fit(problem)
        if found is None or (levels.last < capacity and _ends_flat_unseen(levels, found)):
            continue
        fields = {name: Decimal(f"{value:.{DIGITS}g}") for name, value in found.items()}
        if family.curve:
            marginals = np.diff(family.curve(np.arange(top + 1.0), found))
            yield _beside(levels, _Curve(kind, fields, *_table(marginals, capacity)), len(fields), capacity)
            continue
        utility = {"kind": kind} | fields
        values = _values(utility, top)
        if values is not None:
            yield _beside(levels, _Curve(kind, fields, utility, values), len(fields), capacity)


def _ends_flat_unseen(levels: Levels, fields: Mapping[str, float]) -> bool:
    """Whether a cap is above all levels but the last: then nothing was seen of the flat part that would go on."""
    return fields.get("cap", 0.0) > levels.at[-2] and "slope" in fields


def _values(utility: dict[str, Any], top: int) -> Floats | None:
    """Values as the service computes them; None if a fleet file cannot express the curve, such as for its range."""
    try:
        curve = _FILE_CURVE.validate_python(utility).utility()
        marginals = [float(curve.marginal(x)) for x in range(top)]
    except (ValidationError, OverflowError):
        return None
    return np.concatenate([[0.0], np.cumsum(marginals)])


def _beside(levels: Levels, curve: _Curve, parameters: int, capacity: int) -> Candidate:
    kind, fields, utility, values = curve
    missed = levels.means - levels.scale * np.interp(levels.at, np.arange(len(values)), values)
    residual = float(np.sqrt(levels.counts @ missed**2 / levels.counts.sum()))
    criterion = _criterion(levels, missed, parameters)
    return Candidate(kind, fields, utility, parameters, values[: capacity + 1], residual, criterion)


def _criterion(levels: Levels, missed: Floats, parameters: int) -> float:
    """Schwarz, "Estimating the dimension of a model", The Annals of Statistics 6 (1978); −2 log of the likelihood.

    With repeated samples at a level their variance is known and all samples count; otherwise the residual variance is
    used.
    """
    if levels.noise.has_repeats:
        return float(levels.noise.weights @ missed**2) + parameters * math.log(levels.counts.sum())
    left = max(float(np.mean(missed**2)), levels.floor)
    return len(missed) * math.log(left) + parameters * math.log(len(missed))


def best(found: Sequence[Candidate]) -> Candidate:
    """Candidate with the smallest criterion; a family wins over a table that is no closer."""
    return min(found, key=lambda one: (round(one.criterion, 3), one.kind == TABLE))


def choice(found: Sequence[Candidate], kind: str | None) -> Candidate | None:
    """The candidate of this `kind`, None if it could not be fitted; else the best. A straight table is `linear`."""
    if kind is None:
        return best(found)
    return next((one for one in found if one.kind == kind), None)
