"""Figure of the learning study."""

from __future__ import annotations

from typing import Any

import numpy as np

from slta_experiments import study_report


def learning_figure(data: dict[str, Any]) -> Any:  # noqa: ANN401 - a matplotlib figure
    """r from empty, learning time, load steps, a class away, and β."""
    canvas, axes = study_report.figure(10.0, 9.5, nrows=3, ncols=2)
    draw_from_empty(axes[0][0], data)
    draw_times(axes[0][1], data)
    draw_steps(axes[1][0], data)
    draw_class_away(axes[1][1], data)
    draw_betas(axes[2][0], data, "loss_mean", "placement loss to JLMU, steady load", "loss_se")
    draw_betas(axes[2][1], data, "stepped_placement_gap", "placement gap, load 5 → 10 → 5", "stepped_placement_gap_se")
    return canvas


def draw_from_empty(ax: Any, data: dict[str, Any]) -> None:  # noqa: ANN401 - matplotlib axes
    """r over time for several sizes."""
    for curve, color in zip(data["from_empty"], ("#edae49", "#6db596", "#0b6e4f"), strict=True):
        times = np.arange(len(curve["rank"])) * data["grid"]
        ax.step(times, curve["rank"], where="post", color=color, lw=1.2, label=f"n = {curve['n']:,}")
    ax.axhline(data["optimal_rank"], color=study_report.COLORS["bound"], ls=":", label="r*")
    ax.set(title="From empty: r learns", xlabel="time in mean holding times", ylabel="rank")
    ax.legend(fontsize=8, loc="lower right")


def draw_times(ax: Any, data: dict[str, Any]) -> None:  # noqa: ANN401 - matplotlib axes
    """Time to reach r* against n."""
    rows = data["times"]
    errors = [2 * (r["time_se"] or 0.0) for r in rows]
    ax.errorbar(
        [r["n"] for r in rows], [r["time_mean"] for r in rows], errors, color=study_report.COLORS["SLTA"], marker="o"
    )
    ax.axhline(data["fluid_time"], color=study_report.COLORS["bound"], ls=":", label="fluid limit")
    ax.set(title="Time until r = r*", xscale="log", xlabel="pools n", ylabel="mean holding times", ylim=(0, None))
    ax.legend(fontsize=8)


def draw_steps(ax: Any, data: dict[str, Any]) -> None:  # noqa: ANN401 - matplotlib axes
    """r and r* through steps of the load."""
    steps = data["steps"]
    times = np.arange(len(steps["rank"])) * data["grid"]
    ax.step(
        times, steps["best_rank"], where="post", color=study_report.COLORS["bound"], lw=0.8, alpha=0.7, label="r* now"
    )
    ax.step(times, steps["rank"], where="post", color=study_report.COLORS["SLTA"], lw=1.4, label="r")
    ax.set(title=f"Load 5 → 10 → 5, n = {steps['n']}", xlabel="time in mean holding times", ylabel="rank")
    ax.legend(fontsize=8)


def draw_class_away(ax: Any, data: dict[str, Any]) -> None:  # noqa: ANN401 - matplotlib axes
    """r while class 2 is away."""
    away = data["class_away"]
    times = [c["time"] for c in away["curve"]]
    ax.axvspan(*away["away"], color=study_report.COLORS["other"], alpha=0.3, label="class 2 away")
    ax.step(
        times,
        [c["best_rank"] for c in away["curve"]],
        where="post",
        color=study_report.COLORS["bound"],
        lw=0.8,
        alpha=0.7,
    )
    ax.step(times, [c["rank"] for c in away["curve"]], where="post", color=study_report.COLORS["SLTA"], lw=1.4)
    ax.set(title=f"A class leaves and returns, n = {away['n']}", xlabel="time in mean holding times", ylabel="rank")
    ax.legend(fontsize=8)


def draw_betas(ax: Any, data: dict[str, Any], key: str, title: str, error: str) -> None:  # noqa: ANN401
    """A value per β, a line per n."""
    names = list(dict.fromkeys(b["beta"] for b in data["betas"]))
    sizes = sorted({b["n"] for b in data["betas"]})
    for n, color in zip(sizes, ("#edae49", "#6db596", "#0b6e4f"), strict=True):
        mine = {b["beta"]: b for b in data["betas"] if b["n"] == n}
        errors = [2 * (mine[name][error] or 0.0) for name in names]
        ax.errorbar(range(len(names)), [mine[name][key] for name in names], errors, marker="o", color=color, lw=1)
        ax.plot([], [], color=color, label=f"n = {n:,}")
    ax.set(title=title, yscale="log", ylabel="utility per pool")
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", fontsize=8)
    ax.legend(fontsize=8)
