"""Plot of an evaluation: placement losses and sessions over the window."""

from __future__ import annotations

import math
from itertools import cycle, pairwise

from matplotlib.figure import Figure

from slta.core.policies import DEFAULT_POLICY
from slta_experiments import study_report
from slta_planning.evaluate.evaluate_report import TITLES
from slta_planning.evaluate.replay import RECORDED, RESTRICTED, Evaluation
from slta_planning.evaluate.window import HOUR
from slta_planning.simulation import SIMULATED

OTHERS = [name for name in SIMULATED if name != DEFAULT_POLICY.name]
OTHER_COLORS = (study_report.COLORS["accent"], study_report.COLORS["purple"])
STYLES = {
    RECORDED: (study_report.COLORS["JLMU"], 2.5),
    "least_connections": (study_report.COLORS["paper"], 1.5),
    RESTRICTED: (study_report.COLORS["blue"], 1.5),
    "best_fixed_weights": (study_report.COLORS["blue"], 1.5),
    DEFAULT_POLICY.name: (study_report.COLORS["SLTA"], 2.5),
    **{name: (color, 1.5) for name, color in zip(OTHERS, cycle(OTHER_COLORS), strict=False)},
}
UNITS = ((48 * HOUR, 24 * HOUR, "days"), (2 * HOUR, HOUR, "hours"), (180.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))
"""Time axis: minimum span in seconds, seconds per unit, unit."""


def lost_of(evaluation: Evaluation, name: str) -> list[float]:
    """Placement gap of each part of the window in % of the whole window's bound.

    In % of the part's own bound a part with few sessions would set the scale.
    """
    window = evaluation.window
    whole = evaluation.over(name, window.begin, window.end)
    bound = abs(whole.utility_bound * whole.mean_pools)
    found = (evaluation.over(name, *part) if window.kept(*part) else None for part in pairwise(window.parts))
    return [(100 * g.placement_gap * g.mean_pools / bound if bound else 0.0) if g else math.nan for g in found]


def draw(evaluation: Evaluation, title: str) -> Figure:
    """The plot: placement gaps in % of the window's bound above, sessions below."""
    edges = evaluation.window.parts
    _, unit, unit_name = next(row for row in UNITS if edges[-1] - edges[0] >= row[0])
    at = [edge / unit for edge in edges]
    parts = list(pairwise(edges))
    canvas, (above, below) = study_report.figure(8.0, 5.5, nrows=2, sharex=True, height_ratios=(3, 1))
    shown = {name: style for name, style in STYLES.items() if name in evaluation.trajectories}
    for name, (color, width) in shown.items():
        above.stairs(lost_of(evaluation, name), at, color=color, lw=width, label=TITLES[name], baseline=None)
    found = [evaluation.over(RECORDED, *part) if evaluation.window.kept(*part) else None for part in parts]
    sessions = [gaps.mean_sessions_per_pool * gaps.mean_pools if gaps else math.nan for gaps in found]
    below.stairs(sessions, at, color=study_report.COLORS["bound"], lw=1.5, baseline=None)
    above.set(ylabel="placement gap, % of the window's bound")
    above.set_title(title, parse_math=False)
    above.set_ylim(bottom=0.0)
    below.set(xlabel=f"{unit_name} after the first start", ylabel="sessions")
    below.set_ylim(bottom=0.0)
    above.legend(ncols=len(shown), loc="lower center", bbox_to_anchor=(0.5, -0.16), fontsize=8, columnspacing=1.2)
    return canvas
