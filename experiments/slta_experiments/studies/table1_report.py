"""Report of Table 1: page and figure."""

from __future__ import annotations

from typing import Any

from slta_experiments import study_report
from slta_experiments.studies.printed import COLUMNS


def markdown(data: dict[str, Any]) -> str:
    """Page with self-contained tables."""
    run = data["run"]
    intro = (
        f"Gap u*(⟨s⟩) − ⟨u⟩ per pool, {run['seeds']} seeds a cell (0 to {run['seeds'] - 1}), horizon "
        f"{run['horizon']:g} after {run['warm_up']:g} of warm-up, in mean holding times.\n\n"
        "- `z`: standard deviations of one run between the paper's printed gap and our mean\n"
        "- `z at its ⟨s⟩`: the same, given the mean load that the paper's run happened to have (from its u*(⟨s⟩))\n"
        "- `placement`: the part that better placement could win, ⟨u*(s)⟩ − ⟨u⟩\n"
        "- `swings`: u*(ρ) − E u*(N/n), N Poisson(nρ): lost under every policy\n\n"
        f"{run['seconds']:g} s with {run['processes']} process(es), {run['processor_seconds']:g} s of processor time, "
        f"{'compiled' if run['compiled'] else 'plain Python'}."
    )
    pairs = study_report.markdown_table(
        ["ρ", "n", "SLTA − JLMU"],
        [
            (f"{p['load']:g}", p["n"], study_report.with_error(p["difference_mean"], p["difference_se"], 7))
            for p in data["paired"]
        ],
    )
    return study_report.page(
        "Table 1", intro, gap_table(data["rows"]), "## The paired difference of the gaps\n", pairs, planted_table(data)
    )


def gap_table(rows: list[dict[str, Any]]) -> str:
    """Gap of each policy in each cell."""
    return study_report.markdown_table(
        ["ρ", "n", "policy", "our gap", "paper", "z", "z at its ⟨s⟩", "placement", "swings"],
        [
            (
                f"{r['load']:g}",
                r["n"],
                r["policy"],
                study_report.with_error(r["gap_mean"], r["gap_se"], 6),
                None if r["gap_paper"] is None else f"{r['gap_paper']:.4f}",
                *(None if r[key] is None else f"{r[key]:+.2f}" for key in ("z", "z_at_its_load")),
                f"{r['placement_gap_mean']:.6f}",
                f"{r['swing_gap_expected']:.6f}",
            )
            for r in sorted(rows, key=lambda r: (r["load"], r["n"], r["policy"]))
        ],
    )


def planted_table(data: dict[str, Any]) -> str:
    """Effect of the misreadings on the paired difference."""
    if not data["misreadings"]:
        return ""
    n, load = (data["misreadings"][0][key] for key in ("n", "load"))
    table = study_report.markdown_table(
        ["misreading", "misread − JLMU", "moved by", "in standard errors"],
        [
            (
                m["misreading"],
                study_report.with_error(m["difference_mean"], m["difference_se"], 7),
                f"{m['moved']:+.7f}",
                None if m["moved_in_se"] is None else f"{m['moved_in_se']:.1f}",
            )
            for m in data["misreadings"]
        ],
    )
    return f"## Misreadings planted at n = {n}, ρ = {load:g}\n\n{table}"


def gap_figure(data: dict[str, Any]) -> Any:  # noqa: ANN401 - a matplotlib figure
    """Gap against n, log-log, with the paper's values."""
    loads = sorted({r["load"] for r in data["rows"]})
    canvas, axes = study_report.figure(9.5, 4.2, nrows=1, ncols=len(loads), sharey=True, squeeze=False)
    for ax, load in zip(axes[0], loads, strict=True):
        for policy, marker in zip(COLUMNS, "os", strict=True):
            mine = [r for r in data["rows"] if (r["policy"], r["load"]) == (policy, load)]
            sizes = [r["n"] for r in mine]
            errors = [2 * (r["gap_se"] or 0.0) for r in mine]
            gaps = [r["gap_mean"] for r in mine]
            ax.errorbar(sizes, gaps, errors, color=study_report.COLORS[policy], label=f"{policy}, ± 2 s.e.", capsize=2)
            paper = [(r["n"], r["gap_paper"]) for r in mine if r["gap_paper"]]
            if paper:
                style = {"ls": "", "mfc": "none", "color": study_report.COLORS[policy], "marker": marker}
                ax.plot(*zip(*paper, strict=True), label=f"{policy}, paper (one run)", **style)
        swing = [r["swing_gap_expected"] for r in mine]
        ax.plot(
            sizes, swing, ls=":", color=study_report.COLORS["bound"], label="lost to the load's swings by any policy"
        )
        ax.set(xscale="log", yscale="log", xlabel="pools n", title=f"ρ = {load:g}")
        ax.set_xticks(sizes, [str(n) for n in sizes], rotation=60, minor=False)
        ax.minorticks_off()
    axes[0][0].set_ylabel("gap u*(⟨s⟩) − ⟨u⟩ per pool")
    axes[0][0].legend(fontsize=8)
    return canvas
