"""Enumeration of mixes: numbers of pools by class, cheaper than a limit, with room and bounds that reach the floors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from slta_planning.plan.market import Floats, Market

MAX_CELLS = 5_000_000
"""Maximum partial mixes, times rows, of one enumeration: 40 MB."""
ROUNDING = 1e-9
"""Relative float tolerance of costs and rows."""

Counts = NDArray[np.int64]


class TooManyError(ValueError):
    """More partial mixes than `MAX_CELLS`."""


def mixes_below(market: Market, floors: Floats, limit: float) -> list[tuple[int, ...]]:
    """All mixes for less than `limit`, cheapest first. Raises TooManyError.

    A row is a price of `market` and its floor, as in `solving`, or the room: Σ_i A_i w_i ≥ needed. Classes are added
    one by one. A partial mix is dropped if what a row lacks costs too much at the best ratio of the classes left.
    """
    rows = np.vstack([market.worths, market.capacities])
    needed = np.append((floors - np.outer(market.prices, market.loads)).max(axis=1), market.room)
    needed -= ROUNDING * np.abs(needed).max()
    limit -= ROUNDING * limit
    mixes = np.zeros((1, 0), dtype=np.int64)
    for i in range(len(market.costs)):
        mixes = _expanded(mixes, market, i, limit, len(rows))
        lacking = needed - mixes @ rows[:, : i + 1].T
        mixes = mixes[_cost(market, mixes) + _least_cost(lacking, rows[:, i + 1 :], market.costs[i + 1 :]) < limit]
    by_cost = np.lexsort((*mixes.T[::-1], _cost(market, mixes)))
    return [tuple(map(int, mix)) for mix in mixes[by_cost]]


def _expanded(mixes: Counts, market: Market, added: int, limit: float, rows: int) -> Counts:
    """Each partial mix with each number of pools of one more class that it can pay."""
    most = np.clip((limit - _cost(market, mixes)) // market.costs[added], -1, market.most).astype(np.int64) + 1
    if most.sum() * rows > MAX_CELLS:
        raise TooManyError
    firsts = np.repeat(np.cumsum(most) - most, most)
    return np.column_stack([np.repeat(mixes, most, axis=0), np.arange(most.sum()) - firsts])


def _cost(market: Market, mixes: Counts) -> Floats:
    costs: Floats = mixes @ market.costs[: mixes.shape[1]]
    return costs


def _least_cost(lacking: Floats, rows: Floats, costs: Sequence[float] | Floats) -> Floats:
    """Lower bound of the cost of what each row lacks; infinite if no class is left that has any."""
    with np.errstate(divide="ignore"):
        per_unit = (np.asarray(costs) / rows).min(axis=1, initial=np.inf)
    least: Floats = np.where(lacking > 0, lacking * per_unit, 0.0).max(axis=1)
    return least
