"""Figure 3: optimal assignments over classes, by load (paper section 2.3.1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from slta.core.optimum import optimal_assignment, optimum
from slta_experiments import study_report
from slta_experiments.fleets import FIGURE_3_LEFT, FIGURE_3_RIGHT, FleetShape

DRAWN = {FIGURE_3_LEFT.name: (1.75, 3.5, 5.25, 7.0, 8.75), FIGURE_3_RIGHT.name: (1.25, 4.0, 6.25, 7.5, 10.0)}
LOADS = tuple(k / 8 for k in range(97))
SHADES = ("#cfe8dd", "#9fd0bb", "#6db596", "#3b9371", "#0b6e4f")
CLASS_COLORS = ("#3d5a80", "#d1495b", "#edae49")


def occupancies(shape: FleetShape, load: float) -> list[list[tuple[float, int]]]:
    """Optimal assignment at ρ: parts of each class as (fraction of all pools, sessions), fullest first."""
    fractions = [float(f) for f in shape.fractions]
    best = optimum(shape.ranking, fractions, load)
    assert best is not None  # noqa: S101 - every shape has pools
    parts = []
    for column in optimal_assignment(shape.ranking, fractions, best):
        here = [(above - below, x) for x, (above, below) in enumerate(zip(column, [*column[1:], 0.0], strict=True))]
        parts.append([(share, x) for share, x in reversed(here) if share > 1e-12])
    return parts


def study() -> study_report.Report:
    """Both plots, as numbers on a grid of loads and as figures; exact."""
    plots = [
        {
            "plot": shape.name,
            "classes": [c.name for c in shape.classes],
            "alpha": [float(f) for f in shape.fractions],
            "rows": [
                {"load": load, "bound": shape.bound(load), "mean_occupancy": shape.mean_occupancies(load)}
                for load in LOADS
            ],
        }
        for shape in (FIGURE_3_LEFT, FIGURE_3_RIGHT)
    ]
    return study_report.Report("figure3", {"plots": plots}, markdown(), {"figure3": both_plots()})


def markdown() -> str:
    """Table of the plotted loads."""
    parts = ["Optimal assignments of eq. (4), α = (1/2, 1/4, 1/4). Sessions per pool of each class; exact."]
    for shape in (FIGURE_3_LEFT, FIGURE_3_RIGHT):
        rows = [
            (f"{load:g}", *(f"{x:g}" for x in shape.mean_occupancies(load)), f"{shape.bound(load):.4f}")
            for load in DRAWN[shape.name]
        ]
        header = ["ρ", *(f"class {i} ({c.name})" for i, c in enumerate(shape.classes, 1)), "u*(ρ)"]
        parts.append(f"## {shape.name.capitalize()}\n\n{study_report.markdown_table(header, rows)}")
    return study_report.page("Figure 3", *parts)


def both_plots() -> Any:  # noqa: ANN401 - a matplotlib figure
    """Above the paper's plots, pools as columns; below the mean occupancy of each class against ρ."""
    canvas, axes = study_report.figure(9.5, 7.0, nrows=2, ncols=2)
    for k, shape in enumerate((FIGURE_3_LEFT, FIGURE_3_RIGHT)):
        draw_columns(axes[0][k], shape)
        curves = np.array([shape.mean_occupancies(load) for load in LOADS])
        for i, color in enumerate(CLASS_COLORS):
            axes[1][k].plot(LOADS, curves[:, i], color=color, label=f"class {i + 1}: {shape.classes[i].name}")
        axes[1][k].set(xlabel="offered load ρ per pool", ylabel="sessions per pool")
        axes[1][k].legend()
    return canvas


def draw_columns(ax: Any, shape: FleetShape) -> None:  # noqa: ANN401 - matplotlib axes
    """A column per pool; darker shades are filled at smaller loads."""
    loads = DRAWN[shape.name]
    for load, shade in zip(reversed(loads), SHADES, strict=True):
        parts = [part for parts in occupancies(shape, load) for part in parts]
        edges = np.concatenate(([0.0], np.cumsum([share for share, _ in parts])))
        ax.stairs([x for _, x in parts], edges, fill=True, color=shade, label=f"ρ = {load:g}")
    for edge in np.cumsum([float(f) for f in shape.fractions])[:-1]:
        ax.axvline(edge, color="black", lw=1.5)
    ax.set(title=shape.name, xlim=(0, 1), xlabel="pools, class by class", ylabel="sessions")
    ax.legend(fontsize=8, loc="upper left")
