"""Summary of a demonstration, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slta.core.policies import Policy
from slta_demo.figures import Figures


def percent(fraction: float | None) -> str:
    """Format a fraction as a percentage; small ones with more digits."""
    if fraction is None:
        return "–"
    digits = 1 if abs(fraction) >= 0.1 else 2 if abs(fraction) >= 0.001 else 3
    return f"{100 * fraction:.{digits}f} %"


def milliseconds(value: float | None) -> str:
    """Format milliseconds; two digits below 1 ms."""
    return "–" if value is None else f"{value:.{1 if value >= 1 else 2}f} ms"


def assign_times(figures: Figures) -> str:
    """Latency of assigns from the scheduled moment, and the load generator's share of it."""
    progress = figures.progress or {}
    assign, lateness = progress.get("assign_ms", {}), progress.get("lateness_ms", {})
    return (
        f"p50 {milliseconds(assign.get('p50'))} (sent {milliseconds(lateness.get('p50'))} late) "
        f"p99 {milliseconds(assign.get('p99'))}"
    )


def verdict(figures: Figures) -> str:
    """The result in one sentence."""
    title = figures.plan.spec.policy.title
    if figures.averages is None:
        return f"{title} fills the fleet. How well it does so is measured once the warm-up is over."
    lost = percent(figures.averages["relative_placement_gap"])
    sentence = f"{title} loses {lost} of what the best placement of these sessions would be worth"
    if figures.weights_gap_mean is None:
        return f"{sentence}."
    return f"{sentence}; the best fixed weights would lose at least {percent(figures.weights_gap_mean)}."


def summarise(figures: Figures, report: Mapping[str, Any], *, interrupted: bool) -> list[str]:
    """Paragraphs of the summary; `report` is the content of --json."""
    begin = f"Interrupted after {figures.elapsed_seconds:.0f} s." if interrupted else "Done."
    if report["mean_utility"] is None:
        return [f"{begin} Nothing was measured yet: the averages begin after {report['warm_up_seconds']:.3g} s."]
    parts = [
        _traffic(figures.plan.spec.policy, report),
        _utility(report),
        _weights(report),
        _learning(figures.plan.spec.policy, report),
        _latency(report),
        _agreement(report),
    ]
    return [begin, *(part for part in parts if part)]


def _traffic(policy: Policy, report: Mapping[str, Any]) -> str:
    return (
        f"{policy.title} placed sessions on {report['pools']} pools: {report['arrivals']:,} arrivals in "
        f"{report['elapsed_seconds']:.0f} s, {report['rejections']:,} rejected, {report['errors']:,} errors. "
        f"Averages over {report['window_seconds']:.1f} s, after a warm-up of {report['warm_up_seconds']:.3g} s: "
        f"{report['mean_sessions_per_pool']:.3f} sessions per pool."
    )


def _utility(report: Mapping[str, Any]) -> str:
    return (
        f"Utility per pool {report['mean_utility']:.4f} of at most {report['utility_bound']:.4f}: no policy could "
        f"have won more than {percent(report['relative_gap'])} of that, "
        f"{percent(report['relative_placement_gap'])} by better placement (the placement gap), "
        f"{percent(report['relative_swing_gap'])} by a steadier load (the swing gap)."
    )


def _weights(report: Mapping[str, Any]) -> str:
    weights = report["fixed_weights"]
    if weights["relative_placement_gap"] is None:
        return ""
    return (
        f"The best fixed weights for the mean load ({weights['tuned_for_load']:.3g} sessions per pool) would have "
        f"lost at least {percent(weights['relative_placement_gap'])} by placement: the luck of single arrivals, which "
        "every policy has, is left out there."
    )


def _learning(policy: Policy, report: Mapping[str, Any]) -> str:
    who = "The estimate r was" if policy.has_thresholds else "The rank of the best free place was"
    return (
        f"{who} {report['estimate_rank']} at the end; optimal was {report['optimal_rank']}: how far down the list of "
        "all places, best first, the load reached."
    )


def _latency(report: Mapping[str, Any]) -> str:
    assign, lateness, service = report["assign_ms"], report["lateness_ms"], report["service_ms"]
    if assign["p50"] is None:
        return ""
    return (
        f"assign over HTTP, from the scheduled moment: p50 {milliseconds(assign['p50'])}, "
        f"p99 {milliseconds(assign['p99'])}, longest {milliseconds(assign['max'])}; "
        f"{report['achieved_rate']:.0f} of {report['target_rate']:.0f} arrivals per second answered. "
        f"Of this the load generator was late by p50 {milliseconds(lateness['p50'])}, "
        f"p99 {milliseconds(lateness['p99'])}; the service took p50 {milliseconds(service['p50'])}, "
        f"p99 {milliseconds(service['p99'])}."
    )


def _agreement(report: Mapping[str, Any]) -> str:
    agreement = report["agreement"]
    if agreement is None:
        return ""
    differing = len(agreement["differing_pools"])
    pools = "every pool's occupancy is the same" if not differing else f"{differing} pools' occupancies differ"
    return (
        f"The load generator's own record: {agreement['recorded_mean_sessions_per_pool']:.3f} sessions per pool, "
        f"the service says {agreement['served_mean_sessions_per_pool']:.3f} "
        f"({percent(agreement['relative_difference'])} apart); {pools}."
    )
