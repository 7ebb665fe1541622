"""Warnings of a fit: where the curve is assumed, and where noise decides it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from slta_planning.fit.bands import Bands, largest_below
from slta_planning.fit.candidates import TABLE, Candidate
from slta_planning.fit.concave import Concave, Cone
from slta_planning.fit.levels import ALONE, Floats, Levels
from slta_planning.fit.samples import ClassSamples
from slta_planning.fit.shape import Shape
from slta_planning.text import some

DIFFERS = 3.0
"""Standard errors from which the mean of empty pools differs from 0."""
FEW = 5
"""Samples below which a level is named."""
MATTERS = 0.05
"""Fraction of the largest marginal utility below which the width of an interval is of no account."""
MUCH_NEARER = 0.1
"""Fraction of the misfit as values of sessions, below which values are taken for those of pools."""


def of_range(levels: Levels, curve: Concave, capacity: int, taken: Candidate) -> Iterator[str]:
    """Where there are no samples."""
    first, last = levels.first, levels.last
    assumed = "is a straight line from 0" if taken.kind == TABLE else f"is what {taken.kind} makes of the others"
    if first > 1:
        low, high = largest_below(curve, 1)
        span = f"from {low:.4g} to {high:.4g}" if math.isfinite(high) else f"anything from {low:.4g} on"
        yield f"no samples below {first} sessions: there the curve {assumed}; a concave u(1) may be {span}"
    if capacity > last:
        goes_on = f"the last slope, {curve.slopes[-1]:.4g}, goes on" if taken.kind == TABLE else f"{taken.kind} goes on"
        yield f"no samples above {last} sessions: there {goes_on}, up to the capacity of {capacity}"
    missing = last - first + 1 - len(levels.held)
    if missing:
        yield f"{missing} of the levels from {first} to {last} have no samples: the table is straight there"
    if last > ALONE:
        yield f"above {ALONE} sessions, levels within 1/{ALONE} of each other are merged at their mean"
    if len(levels.at) == 1:
        yield "all samples have the same level, so the shape of the curve is unknown"


def of_counts(levels: Levels) -> Iterator[str]:
    """Where there are few samples."""
    few = levels.at[levels.counts < FEW].round().astype(int).tolist()
    if levels.counts.max() == 1:
        yield (
            f"no level has two samples, {len(few)} in all: noise is guessed from neighbours, and the bands and p are "
            f"not to be trusted; take {FEW} or more a level"
        )
    elif few:
        yield f"fewer than {FEW} samples at {len(few)} of {len(levels.at)} levels: {spans(few)} sessions"


def of_bands(name: str, levels: Levels, bands: Bands, taken: Candidate) -> Iterator[str]:
    """Where the table's marginal utility is not known: its interval spans 0 or is wider than the value."""
    if taken.kind != TABLE:
        return
    unsure = uncertain(np.diff(taken.values), bands.marginal.low, bands.marginal.high)[: levels.last]
    places = (np.flatnonzero(unsure) + 1).tolist()
    if not places:
        return
    known = len(unsure) - int(np.argmin(unsure[::-1])) if unsure[-1] and not unsure.all() else 0
    leave_out = f", or leave them out with --capacity {name}={known}" if known else ""
    yield (
        f"what a session adds is uncertain as number {spans(places)}: 95 % of the table spans 0 or is wider than the "
        f"value; take more samples there{leave_out}"
    )


def uncertain(marginals: Floats, low: Floats, high: Floats) -> NDArray[np.bool_]:
    """Whether each interval spans 0 or is wider than the value, and of some width at all."""
    width = high - low
    wide = ((low < 0) & (high > 0)) | (width > np.abs(marginals))
    return np.asarray(wide & (width > MATTERS * np.abs(marginals).max()))


def of_pools(levels: Levels, curve: Concave, shape: Shape) -> Iterator[str]:
    """Whether values that are refused as those of sessions rise, and are more concave as those of pools."""
    if shape.is_concave or levels.per_pool or levels.means[-1] <= levels.means[0]:
        return
    pools = Levels(levels.at, levels.groups, per_pool=True, held=levels.held)
    cone, weights = Cone.of(pools), levels.noise.weights
    as_pools = cone.misfit(cone.fit(levels.means, weights), levels.means, weights)
    if as_pools < MUCH_NEARER * Cone.of(levels).misfit(curve, levels.means, weights):
        yield (
            f"the value of a session rises from {levels.means[0]:.4g} at {levels.first} to {levels.means[-1]:.4g} at "
            f"{levels.last} sessions: if these are values of whole pools, use --per-pool"
        )


def of_empty_pools(samples: ClassSamples, *, per_pool: bool) -> Iterator[str]:
    """Whether an empty pool has a value."""
    values = np.frombuffer(samples.empty_values, dtype=np.float64)
    if per_pool and len(values) and abs(values.mean()) > DIFFERS * values.std() / len(values) ** 0.5:
        yield f"an empty pool's value is {values.mean():.4g} on average, and u(0) is 0: subtract what it is worth"


def spans(numbers: Sequence[int]) -> str:
    """`1, 4 to 6` of ascending numbers."""
    starts = [k for k, number in enumerate(numbers) if k == 0 or number > numbers[k - 1] + 1]
    ends = [*starts[1:], len(numbers)]
    found = [(numbers[a], numbers[b - 1]) for a, b in zip(starts, ends, strict=True)]
    return some([f"{low} to {high}" if low < high else f"{low}" for low, high in found])
