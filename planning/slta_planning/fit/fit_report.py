"""Report of a fit as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from slta_planning.fit.bands import Band
from slta_planning.fit.candidates import Candidate, best
from slta_planning.fit.fitting import ClassFit
from slta_planning.fit.samples import Samples
from slta_planning.fit.shape import REFUSED_BELOW
from slta_planning.text import columns, counted, wrapped

MAX_ROWS = 12
"""Maximum number of levels shown of a class."""


def report(fits: Sequence[ClassFit], samples: Samples) -> str:
    """Format the report."""
    parts = [_head(fits, samples), *(_class(fit) for fit in fits)]
    return "\n\n".join("\n".join(part) for part in parts)


def _head(fits: Sequence[ClassFit], samples: Samples) -> list[str]:
    lines = [f"{counted(samples.read - samples.bad, 'sample')} of {counted(len(fits), 'class', 'classes')}"]
    if samples.bad:
        lines.append(f"{counted(samples.bad, 'bad sample')} left out: {'; '.join(samples.bad_lines)}")
    return wrapped(lines)


def _class(fit: ClassFit) -> list[str]:
    levels = fit.levels
    first, last = levels.first, levels.last
    span = f"of {first} to {last} sessions" if last > first else f"of {first}"
    title = f"{fit.name}: {counted(levels.counts.sum(), 'sample')} {span}, capacity {fit.capacity}"
    verdict = wrapped([*_choice(fit), *_concave(fit), *_left_out(fit)])
    return [title, "", *_levels(fit), "", *_candidates(fit), "", *verdict]


def _levels(fit: ClassFit) -> list[str]:
    scale = "a pool" if fit.levels.per_pool else "a session"
    rows = [["sessions", "samples", f"mean of {scale}", "fitted", "u", "table, 95 %", "the last adds", "table, 95 %"]]
    for x in shown_levels(fit.capacity):
        level = fit.levels.number(x)
        u = float(fit.taken.values[x])
        per = u if fit.levels.per_pool else u / x
        delta = u - float(fit.taken.values[x - 1])
        found = ["0", "–"] if level is None else [f"{fit.levels.counts[level]:,.0f}", _short(fit.levels.means[level])]
        adds = [_short(delta), _span(fit.bands.marginal, x - 1)]
        rows.append([str(x), *found, _short(per), _short(u), _span(fit.bands.utility, x), *adds])
    return columns(rows)


def shown_levels(capacity: int) -> list[int]:
    """Levels to show: 1, the capacity, and some between."""
    return sorted({int(x) for x in np.linspace(1, capacity, min(MAX_ROWS, capacity)).round()})


def _span(band: Band, x: int) -> str:
    return f"{_short(band.low[x])} to {_short(band.high[x])}"


def _short(value: float) -> str:
    return f"{value + 0.0:.4g}"


def _candidates(fit: ClassFit) -> list[str]:
    rows = [
        [_described(one), str(one.parameters), _short(one.residual), f"{one.criterion:.1f}"]
        for one in sorted(fit.candidates, key=lambda one: one.criterion)
    ]
    return columns([["curve", "parameters", "residual", "criterion"], *rows])


def _described(one: Candidate) -> str:
    return one.kind + "".join(f" {name} {value:.5g}" for name, value in one.fields.items())


def _choice(fit: ClassFit) -> Iterator[str]:
    if not fit.shape.is_concave:
        return
    first = best(fit.candidates)
    if fit.taken is first:
        yield f"taken: {fit.taken.kind}, which has the smallest criterion (misfit, and a price for each parameter)"
    else:
        yield f"taken: {fit.taken.kind}, as --curve says; {first.kind} has the smallest criterion"


def _concave(fit: ClassFit) -> Iterator[str]:
    shape = fit.shape
    if shape.p_value is None:
        yield "concavity not tested: this needs samples at three levels"
    elif shape.is_concave:
        yield f"the means may come from a concave curve (p = {shape.p_value:.2g})"
    else:
        yield _refusal(fit)


def _refusal(fit: ClassFit) -> str:
    """Reason and place of a non-concave class."""
    shape = fit.shape
    return (
        f"refused: the means are not concave (p = {shape.p_value:.2g}, below {REFUSED_BELOW:g}). At x = {shape.bend} "
        f"they bend the wrong way: up to there a further session adds {shape.before:.4g}, beyond {shape.after:.4g}"
    )


def _left_out(fit: ClassFit) -> Iterator[str]:
    if fit.left_out:
        yield f"{counted(fit.left_out, 'sample')} above the capacity of {fit.capacity} left out"
