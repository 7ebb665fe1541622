"""Output of a demonstration: a line each second, and a closing table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from slta_demo.figures import Facts, Figures
from slta_demo.options import Plan

COLUMNS = {
    "time": 6, "new/s": 6, "sessions": 8, "utility": 10, "bound": 10, "lost": 7, "p50 ms": 7, "p99 ms": 7,
    "rejected": 10,
}  # fmt: skip
"""Width of each column; a line has 79 characters."""
LEGEND = """\
bound: utility of these sessions at best placement; lost: by placement, of that
p50, p99: latency of assign from the scheduled moment, over the last ten seconds
rejected: sessions so far for which no pool had room; 5/2: and 2 errors
"""
WARMING_UP = "warming up: not in the averages of the closing table"
MEASURING = "warm-up over: the averages begin"
WITHOUT_TYPES = "all default: a trace names no types"
LATE_MS = 100
"""Lateness of the load generator above which the times say nothing of the service."""
BUSY = "This machine was too busy: the times are the load generator's."
OVER = "no more arrivals: the last sessions end"


def percent(fraction: float | None) -> str:
    """Format a fraction as a percentage; small ones with more digits. Negative rounding errors become 0."""
    if fraction is None:
        return "–"
    digits = 1 if abs(fraction) >= 0.1 else 2 if abs(fraction) >= 0.001 else 3
    return f"{100 * fraction:.{digits}f} %".replace("-0.000 %", "0.000 %")


def number(value: float | None, digits: int = 2) -> str:
    """Format a number that may be missing."""
    return "–" if value is None else f"{value:.{digits}f}"


class Lines:
    """Prints the figures as lines, with a note where the averages begin and where the arrivals end."""

    def __init__(self) -> None:
        self._phase = ""
        typer.echo(LEGEND + in_columns(list(COLUMNS)))

    def show(self, figures: Figures) -> None:
        """Print a line; none once the arrivals are over."""
        phase = OVER if figures.arrivals_are_over else MEASURING if figures.window else WARMING_UP
        if phase != self._phase:
            self._phase = phase
            typer.echo(phase)
        if figures.state and figures.progress and phase != OVER:
            typer.echo(line(figures, figures.state, figures.progress))


def line(figures: Figures, state: Facts, progress: Facts) -> str:
    """Current figures in the order of `COLUMNS`."""
    totals = progress["totals"]
    return in_columns(
        [
            f"{figures.elapsed_seconds:.0f} s",
            f"{figures.arrivals_per_second:.0f}",
            str(state["sessions"]["active"]),
            number(state["utility"]),
            number(state["utility_bound"]),
            percent(state["relative_gap"]),
            number(progress["assign_ms"]["p50"]),
            number(progress["assign_ms"]["p99"]),
            f"{totals['rejections']}/{totals['errors']}" if totals["errors"] else str(totals["rejections"]),
        ]
    )


def in_columns(cells: Sequence[str]) -> str:
    """Right-aligned cells of one line."""
    return " ".join(cell.rjust(width) for cell, width in zip(cells, COLUMNS.values(), strict=True))


def closing_table(figures: Figures, report: Mapping[str, Any], *, interrupted: bool) -> str:
    """The result, a row per figure; `report` is the content of --json."""
    begin = f"Interrupted after {figures.elapsed_seconds:.0f} s." if interrupted else "Done."
    if report["mean_utility"] is None:
        return f"{begin} Nothing was measured yet: the averages begin after {report['warm_up_seconds']:.3g} s."
    late = [BUSY] if (report["lateness_ms"]["p99"] or 0) > LATE_MS else []
    rows = traffic_rows(figures, report) + utility_rows(figures, report) + latency_rows(report) + record_rows(report)
    widest = max(len(label) for label, _ in rows)
    return "\n".join([begin, *(f"{label}:{' ' * (widest - len(label))} {value}" for label, value in rows), *late])


Rows = list[tuple[str, str]]


def traffic_rows(figures: Figures, report: Mapping[str, Any]) -> Rows:
    """Totals from the first arrival on, the window of the averages, and the session types in this window."""
    pools = "1 pool" if report["pools"] == 1 else f"{report['pools']} pools"
    return [
        ("policy", f"{figures.plan.spec.policy.title} on {pools} of fleet {report['fleet']}"),
        ("arrivals, warm-up included", f"{report['arrivals']:,} in {report['elapsed_seconds']:.0f} s"),
        ("  rejected, errors", f"{report['rejections']:,}, {report['errors']:,}"),
        ("averages over", f"{number(report['window_seconds'], 1)} s, after {report['warm_up_seconds']:.3g} s warm-up"),
        ("sessions per pool", number(report["mean_sessions_per_pool"], 3)),
        *type_rows(figures.plan, report),
    ]


def type_rows(plan: Plan, report: Mapping[str, Any]) -> Rows:
    """Share of each session type in the mix, and in the window the fraction of its sessions that were rejected."""
    if plan.mix is None:
        return [("session types", WITHOUT_TYPES)] if plan.spec.session_types else []
    swing = f"shares swing by ±{100 * plan.mix.amplitude:.3g} % in {plan.mix.period_seconds:.3g} s"
    whole = sum(share for _, share in plan.mix.shares)
    rows = [("session types, after the warm-up", swing if plan.mix.amplitude else "shares are steady")]
    for name, share in plan.mix.shares:
        counts = report["session_types"].get(name)
        rejected = counts["rejections"] / sum(counts.values()) if counts else None
        told = "none" if rejected == 0 else percent(rejected)
        rows.append((f"  {name}", f"{percent(share / whole)} of the arrivals, {told} rejected"))
    return rows


def utility_rows(figures: Figures, report: Mapping[str, Any]) -> Rows:
    """Utility, its bound, and the parts of the gap between them."""
    weights = report["fixed_weights"]
    tuned = f"tuned for {weights['tuned_for_load_per_pool']:.3g} per pool"
    rank = "estimate r" if figures.plan.spec.policy.has_thresholds else "rank of the best free place"
    optimal = "" if report["optimal_rank"] is None else f", optimal {report['optimal_rank']}"
    return [
        ("utility per pool", number(report["mean_utility"], 4)),
        ("bound for any policy", number(report["utility_bound"], 4)),
        ("lost in all", percent(report["relative_gap"])),
        ("  by placement (placement gap)", percent(report["relative_placement_gap"])),
        ("  by swings of the load (swing gap)", percent(report["relative_swing_gap"])),
        *compatibility_row(report),
        ("best fixed weights lose by placement", f"at least {percent(weights['relative_placement_gap'])}, {tuned}"),
        (f"{rank}, at the end", f"{report['estimate_rank']}{optimal}"),
    ]


def compatibility_row(report: Mapping[str, Any]) -> Rows:
    """What the best placement would add if each session could use all classes; none without session types."""
    gap = report["relative_compatibility_gap"]
    return [] if gap is None else [("compatibility gap, beyond the bound", percent(gap))]


def latency_rows(report: Mapping[str, Any]) -> Rows:
    """Latency of assign over HTTP and its two parts."""
    if report["assign_ms"]["p50"] is None:
        return []
    parts = {
        "assign, from the scheduled moment": report["assign_ms"],
        "  until sent (load generator)": report["lateness_ms"],
        "  until answered (service)": report["service_ms"],
    }
    rows = [
        (label, f"ms: p50 {number(of['p50'])}, p99 {number(of['p99'])}, max {number(of['max'])}")
        for label, of in parts.items()
    ]
    return [*rows, ("answered", f"{report['achieved_rate']:.0f} of {report['target_rate']:.0f} arrivals per second")]


def record_rows(report: Mapping[str, Any]) -> Rows:
    """The load generator's own record against the service's figures."""
    agreement = report["agreement"]
    if agreement is None:
        return []
    recorded, served = agreement["recorded_mean_sessions_per_pool"], agreement["served_mean_sessions_per_pool"]
    apart = percent(agreement["relative_difference"])
    return [
        ("sessions per pool, load generator", f"{recorded:.3f}, service {served:.3f} ({apart} apart)"),
        ("pools whose occupancies differ", str(len(agreement["differing_pools"]))),
    ]
