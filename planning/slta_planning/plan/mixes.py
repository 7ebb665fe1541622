"""Enumeration of mixes: numbers of pools by class, cheaper than a limit, with room and bounds that reach the floors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slta_planning.plan.market import Floats

MAX_CELLS = 5_000_000
"""Maximum partial mixes, times rows, of one enumeration: 40 MB."""
ROUNDING = 1e-9
"""Relative float tolerance of costs and rows."""

Counts = NDArray[np.int64]


class TooManyError(ValueError):
    """More partial mixes than `MAX_CELLS`."""


class Rows(NamedTuple):
    """Linear rows that a mix must satisfy: Σ_c A_c worths[k, c] ≥ needed[k]."""

    worths: Floats
    needed: Floats


def mixes_below(costs: Floats, rows: Rows, limit: float, most: int) -> list[tuple[int, ...]]:
    """All mixes for less than `limit`, with at most `most` pools of a class, cheapest first. Raises TooManyError.

    Classes are added one by one. A partial mix is dropped if what a row lacks costs too much at the best ratio of the
    classes left.
    """
    worths, needed = rows.worths, rows.needed - ROUNDING * np.abs(rows.needed).max()
    limit -= ROUNDING * limit
    mixes = np.zeros((1, 0), dtype=np.int64)
    for i in range(len(costs)):
        mixes = _expanded(mixes, costs, most, limit, len(worths))
        lacking = needed - mixes @ worths[:, : i + 1].T
        mixes = mixes[_cost(mixes, costs) + _least_cost(lacking, worths[:, i + 1 :], costs[i + 1 :]) < limit]
    by_cost = np.lexsort((*mixes.T[::-1], _cost(mixes, costs)))
    return [tuple(map(int, mix)) for mix in mixes[by_cost]]


def _expanded(mixes: Counts, costs: Floats, most: int, limit: float, rows: int) -> Counts:
    """Each partial mix with each number of pools of one more class that it can pay."""
    counts = np.clip((limit - _cost(mixes, costs)) // costs[mixes.shape[1]], -1, most).astype(np.int64) + 1
    if counts.sum() * rows > MAX_CELLS:
        raise TooManyError
    firsts = np.repeat(np.cumsum(counts) - counts, counts)
    return np.column_stack([np.repeat(mixes, counts, axis=0), np.arange(counts.sum()) - firsts])


def _cost(mixes: Counts, costs: Floats) -> Floats:
    found: Floats = mixes @ costs[: mixes.shape[1]]
    return found


def _least_cost(lacking: Floats, rows: Floats, costs: Sequence[float] | Floats) -> Floats:
    """Lower bound of the cost of what each row lacks; infinite if no class is left that has any."""
    with np.errstate(divide="ignore"):
        per_unit = (np.asarray(costs) / rows).min(axis=1, initial=np.inf)
    least: Floats = np.where(lacking > 0, lacking * per_unit, 0.0).max(axis=1)
    return least
