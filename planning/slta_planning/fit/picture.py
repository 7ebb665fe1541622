"""Plot of fitted curves: u and Δ of each class, with the samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slta_experiments import study_report
from slta_planning.fit.candidates import Candidate
from slta_planning.fit.fitting import ClassFit
from slta_planning.fit.levels import Floats

MAX_NAME = 36
"""Maximum length of a class name in a title."""
MAX_DOTS = 2_000
"""Maximum number of samples drawn of a class."""
COLORS = {
    "table": study_report.COLORS["bound"],
    "log_share": study_report.COLORS["JLMU"],
    "alpha_fair": study_report.COLORS["blue"],
    "quadratic": study_report.COLORS["accent"],
    "capped_linear": study_report.COLORS["other"],
    "linear": study_report.COLORS["paper"],
    "saturating": study_report.COLORS["purple"],
    "capped_log_share": "teal",
}
"""Colours of the rejected curves."""
BAND = {"color": study_report.COLORS["SLTA"], "alpha": 0.15, "lw": 0, "label": "95 % of the table"}


def draw(fits: Sequence[ClassFit], title: str, file: Path) -> list[Path]:
    """Write the plot as SVG and PNG, a row per class: the utility of a pool left, the marginal utility right."""
    canvas, axes = study_report.figure(9.0, 3.4 * len(fits) + 0.4, nrows=len(fits), ncols=2, squeeze=False)
    for fit, (left, right) in zip(fits, axes, strict=True):
        _utility(left, fit)
        _marginals(right, fit)
    canvas.suptitle(title, fontsize=11)
    return study_report.write_figure(canvas, file)


def _utility(axes: Any, fit: ClassFit) -> None:  # noqa: ANN401
    levels = fit.levels
    x = np.arange(fit.capacity + 1)
    band = fit.bands.utility
    axes.fill_between(x, band.low, band.high, **BAND)
    at, dots = _dots(fit)
    axes.plot(at, dots, ".", ms=3, alpha=0.25, color=study_report.COLORS["paper"], zorder=1, label="samples")
    axes.plot(
        levels.at, levels.means / levels.scale, "_", ms=9, mew=1.5, color=study_report.COLORS["bound"], label="means"
    )
    for one in _others(fit):
        axes.plot(x, one.values, lw=0.9, ls="--", color=COLORS[one.kind], label=one.kind)
    taken = "taken" if fit.shape.is_concave else "the nearest"
    axes.plot(x, fit.taken.values, lw=2.0, color=study_report.COLORS["SLTA"], label=f"{fit.taken.kind}, {taken}")
    refused = "" if fit.shape.is_concave else f", refused at x = {fit.shape.bend}"
    title = f"{_shortened(fit.name)}{refused}"
    axes.set(title=title, xlabel="sessions on a pool", ylabel="u, of all of them together")
    axes.xaxis.get_major_locator().set_params(integer=True)
    _limits(axes, np.concatenate([dots, fit.taken.values]))
    axes.legend(fontsize=7)


def _marginals(axes: Any, fit: ClassFit) -> None:  # noqa: ANN401
    edges = np.arange(fit.capacity + 1) - 0.5
    band = fit.bands.marginal
    axes.stairs(band.high, edges, baseline=band.low, fill=True, **BAND)
    for one in _others(fit):
        axes.stairs(np.diff(one.values), edges, baseline=None, lw=0.9, ls="--", color=COLORS[one.kind])
    axes.stairs(np.diff(fit.taken.values), edges, baseline=None, lw=2.0, color=study_report.COLORS["SLTA"])
    axes.set(title="marginal utility", xlabel="sessions already there", ylabel="Δ, what one more adds")
    axes.xaxis.get_major_locator().set_params(integer=True)
    _limits(axes, np.concatenate([np.diff(fit.taken.values), band.low[1:], band.high[1:]]))


def _others(fit: ClassFit) -> list[Candidate]:
    return [one for one in fit.candidates if one is not fit.taken]


def _shortened(name: str) -> str:
    """Shorten a name in the middle, keeping the end with its numbers."""
    half = MAX_NAME // 2
    return name if len(name) <= MAX_NAME else f"{name[:half]}…{name[-half:]}"


def _dots(fit: ClassFit) -> tuple[Floats, Floats]:
    """Samples as values of a pool, thinned evenly."""
    at = np.repeat(fit.levels.at, fit.levels.counts.astype(int))
    values = np.concatenate(fit.levels.groups) / np.repeat(fit.levels.scale, fit.levels.counts.astype(int))
    step = -(-len(at) // MAX_DOTS)
    return at[::step], values[::step]


def _limits(axes: Any, values: Floats) -> None:  # noqa: ANN401
    """Limit the axes to the relevant values; other curves may exceed them."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    room = 0.05 * (high - low or 1.0)
    axes.set_ylim(low - room, high + room)
