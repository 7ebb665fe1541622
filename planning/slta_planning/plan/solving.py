"""Integer programmes with flows of session types to classes: the cheapest fleet for floors, and the best for a budget.

Sessions and utilities are in parts of an hour's sessions and of the largest marginal, so all numbers are near 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import block_array, coo_array, csr_array

from slta.cli.error_messages import UserError
from slta_planning.plan.market import Floats, Market

SECONDS = 60.0
"""Time limit; the best fleet found by then is used, without proof of optimality."""
OPTIMAL, INFEASIBLE = 0, 2


class Solution(NamedTuple):
    """Pools of each class; `proven`: no fleet has a better bound."""

    pools: tuple[int, ...]
    proven: bool


@dataclass(frozen=True)
class Part:
    """Rows on the pools and on variables of their own: low ≤ pools @ A + own @ v ≤ high, v from 0 or free."""

    pools: csr_array
    own: csr_array
    low: Floats
    high: Floats
    free: int
    """The last so many variables may be negative."""


@dataclass(frozen=True)
class Programme:
    """Rows of all loads; `utility[h]` has the numbers of the variables that add up to an hour's bound, in its unit."""

    matrix: csr_array
    low: Floats
    high: Floats
    lowest: Floats
    utility: Sequence[Sequence[int]]


def cheapest(market: Market, floors: Floats, demands: Sequence[Floats] = ()) -> Solution | None:
    """Cheapest fleet whose bound reaches each hour's floor; None if infeasible. Raises UserError.

    Each of `demands`, sessions by type, must have room, whatever they add.
    """
    hours = range(len(floors)) if len(market.sets.classes) > 1 else sorted(set(binding(market, floors)[1]))
    hours = [h for h in hours if market.loads[h].any()]
    deciding = replace(market, loads=market.loads[hours])
    programme = programme_of(deciding, demands)
    objective = np.zeros(programme.matrix.shape[1])
    objective[: len(market.costs)] = market.costs / market.costs.max()
    rows = [LinearConstraint(sums_of(programme), lb=floors[hours] / units(deciding))] if hours else []
    return _solved(market, programme, objective, rows)


def best_for(market: Market, budget: float, demands: Sequence[Floats] = ()) -> Solution | None:
    """Fleet within `budget` with the largest mean bound over the hours; None if infeasible. Raises UserError."""
    programme = programme_of(market, demands)
    objective, within = np.zeros((2, programme.matrix.shape[1]))
    for own, unit in zip(programme.utility, units(market), strict=True):
        objective[list(own)] = -unit / units(market).max()
    within[: len(market.costs)] = market.costs / budget
    return _solved(market, programme, objective, [LinearConstraint(within[None, :], ub=1.0)])


def binding(market: Market, floors: Floats) -> tuple[Floats, list[int]]:
    """All prices, and the hour with the largest F − p N at each: without session types the others decide nothing.

    U*(N, A) ≥ F where Σ_c A_c w_c(p) ≥ F − p N at all prices p, and the left side does not depend on the hour.
    """
    prices = np.unique(np.concatenate([curve.prices for curve in market.curves]))
    hours: list[int] = (floors - np.outer(prices, market.loads[:, 0])).argmax(axis=1).tolist()
    return prices, hours


def units(market: Market) -> Floats:
    """Unit of the utilities of each hour with sessions."""
    sums: Floats = market.loads.sum(axis=1)
    return _largest(market) * sums[sums > 0]


def _largest(market: Market) -> float:
    """Largest marginal utility of all classes, positive."""
    return max(float(np.abs(curve.prices).max()) for curve in market.curves) or 1.0


def programme_of(market: Market, demands: Sequence[Floats]) -> Programme:
    """Rows for the rooms, the hours with sessions and the demands."""
    hours = [loads for loads in market.loads if loads.any()]
    parts = [_rooms(market), *(_bound(market, loads) for loads in hours), *(_fits(market, d) for d in demands)]
    blocks: list[list[csr_array | None]] = [[part.pools, *[None] * len(parts)] for part in parts]
    for k, part in enumerate(parts):
        blocks[k][k + 1] = part.own
    classes = len(market.costs)
    firsts = np.cumsum([classes, *(part.own.shape[1] for part in parts)])
    return Programme(
        csr_array(block_array(blocks)),
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.high for part in parts]),
        np.concatenate([np.zeros(classes), *(_lowest(part) for part in parts)]),
        [range(firsts[k + 2] - classes, firsts[k + 2]) for k in range(len(hours))],
    )


def _lowest(part: Part) -> Floats:
    found = np.zeros(part.own.shape[1])
    found[len(found) - part.free :] = -np.inf
    return found


def _rooms(market: Market) -> Part:
    rows = [
        [size * (c in room.classes) / room.places for c, size in enumerate(market.capacities)] for room in market.rooms
    ]
    count = len(rows)
    return Part(csr_array(rows), csr_array((count, 0)), np.ones(count), np.full(count, np.inf), 0)


def _fits(market: Market, sessions: Floats) -> Part:
    """Rows by which these sessions of the types have room in their classes. Variables: z(t, c)."""
    total, classes = float(sessions.sum()), len(market.costs)
    links = _links(market)
    flows = _sparse(
        [
            *((t, k, 1.0) for k, (t, _) in enumerate(links)),
            *((len(sessions) + c, k, 1.0) for k, (_, c) in enumerate(links)),
        ],
        (len(sessions) + classes, len(links)),
    )
    pools = _sparse(
        [(len(sessions) + c, c, -size / total) for c, size in enumerate(market.capacities)],
        (len(sessions) + classes, classes),
    )
    needed = sessions / total
    low, high = np.append(needed, np.full(classes, -np.inf)), np.append(needed, np.zeros(classes))
    return Part(pools, flows, low, high, 0)


def _links(market: Market) -> list[tuple[int, int]]:
    """Type and class of each flow."""
    return [(t, c) for t, own in enumerate(market.sets.classes) for c in own]


def _bound(market: Market, sessions: Floats) -> Part:
    """The rows of `_fits`, and one per class and marginal. Variables: z(t, c), then y_c."""
    fits, links, total = _fits(market, sessions), _links(market), float(sessions.sum())
    largest = _largest(market)
    curves = enumerate(market.curves)
    cells = [(c, float(p), float(worth)) for c, curve in curves for p, worth in zip(*curve, strict=True)]
    into = [[k for k, (_, end) in enumerate(links) if end == c] for c in range(len(market.costs))]
    pools = _sparse(
        [(r, c, -worth / largest / total) for r, (c, _, worth) in enumerate(cells)], (len(cells), len(into))
    )
    flows = _sparse(
        [(r, k, -price / largest) for r, (c, price, _) in enumerate(cells) for k in into[c]], (len(cells), len(links))
    )
    utility = _sparse([(r, c, 1.0) for r, (c, _, _) in enumerate(cells)], (len(cells), len(into)))
    return Part(
        csr_array(block_array([[fits.pools], [pools]])),
        csr_array(block_array([[fits.own, None], [flows, utility]])),
        np.append(fits.low, np.full(len(cells), -np.inf)),
        np.append(fits.high, np.zeros(len(cells))),
        len(into),
    )


def _sparse(entries: Sequence[tuple[int, int, float]], shape: tuple[int, int]) -> csr_array:
    rows, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
    return csr_array(coo_array((values, (rows, columns)), shape=shape))


def sums_of(programme: Programme) -> csr_array:
    """Rows that give the bound of each hour, in its unit, from all variables."""
    entries = [(h, k, 1.0) for h, own in enumerate(programme.utility) for k in own]
    return _sparse(entries, (len(programme.utility), programme.matrix.shape[1]))


def _solved(
    market: Market, programme: Programme, objective: Floats, rows: Sequence[LinearConstraint]
) -> Solution | None:
    classes = len(market.costs)
    high = np.full(len(objective), np.inf)
    high[:classes] = float(market.most)
    result = milp(
        objective,
        integrality=np.arange(len(objective)) < classes,
        bounds=Bounds(programme.lowest, high),
        constraints=[LinearConstraint(programme.matrix, programme.low, programme.high), *rows],
        options={"time_limit": SECONDS, "mip_rel_gap": 0.0},
    )
    return solution_of(result, classes)


def solution_of(result: Any, classes: int) -> Solution | None:  # noqa: ANN401 - scipy has no types
    """Solution of a programme whose first variables are pools of each class. Raises UserError."""
    if result.status == INFEASIBLE:
        return None
    if result.x is None:
        raise UserError(f"the solver found no fleet within {SECONDS:g} s: {result.message}")
    return Solution(tuple(round(count) for count in result.x[:classes]), result.status == OPTIMAL)
