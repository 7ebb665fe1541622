"""State of a demonstration: the latest observations, and the final report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from slta_demo.fixed_weights import FixedWeights
from slta_demo.options import Plan

Facts = Mapping[str, Any]

AVERAGES = (
    *("utility_bound", "utility_gap", "relative_gap", "placement_gap", "relative_placement_gap"),
    *("swing_gap", "relative_swing_gap", "compatibility_gap", "relative_compatibility_gap"),
    *("mean_sessions_per_pool", "mean_sessions_by_type"),
)
"""Averages that the report copies unchanged."""


@dataclass
class Figures:
    """Observations so far: `state` and `averages` from the API, `progress` and `result` from the load generator.

    Observations of the service stop with the arrivals, because the load then only drains.
    """

    plan: Plan
    weights: FixedWeights
    state: Facts | None = None
    averages: Facts | None = None
    progress: Facts | None = None
    result: Facts | None = None
    arrivals_per_second: float = 0.0
    _lost_by_weights: list[tuple[float, float]] = field(default_factory=list)

    def hear(self, line: Facts) -> None:
        """Process a line of the load generator's output."""
        match line["kind"]:
            case "progress":
                self.progress = line
            case "result":
                self.result = line

    def see(self, state: Facts, averages: Facts | None) -> None:
        """Process a state of the service."""
        if self.arrivals_are_over:
            return
        if self.state and (elapsed := state["time"] - self.state["time"]) > 0:
            self.arrivals_per_second = (state["counters"]["assigned"] - self.state["counters"]["assigned"]) / elapsed
        self.state, self.averages = state, averages
        if self.window and state["utility_bound"] is not None:
            pools = [c["pools"]["active"] for c in state["classes"]]
            by_type = [one["sessions"]["active"] for one in state["session_types"] or [state]]
            reached = self.weights.utility(pools, by_type)
            self._lost_by_weights.append((state["utility_bound"], reached))

    @property
    def arrivals_are_over(self) -> bool:
        """Whether the arrivals have ended; the figures are then final."""
        return self.progress is not None and not self.progress["is_arriving"]

    @property
    def window(self) -> str | None:
        """Start of the averages; None during the warm-up."""
        return self.progress["since"] if self.progress else None

    @property
    def elapsed_seconds(self) -> float:
        """Time since the first scheduled arrival."""
        return float(self.progress["elapsed_seconds"]) if self.progress else 0.0

    @property
    def weights_gap_mean(self) -> float | None:
        """Mean gap of fixed weights since the warm-up, computed from the observed loads."""
        best = sum(bound for bound, _ in self._lost_by_weights)
        return (best - sum(reached for _, reached in self._lost_by_weights)) / abs(best) if best else None


def report(figures: Figures) -> dict[str, Any]:
    """Report for --json; missing figures of an interrupted run are None."""
    plan, result = figures.plan, figures.result or {}
    totals: Facts = result.get("totals") or (figures.progress or {}).get("totals") or {}
    counted: Facts = result.get("summary") or {}
    averages, state = figures.averages or {}, figures.state or {}
    return {
        "policy": plan.spec.policy.name,
        "fleet": plan.fleet,
        "pools": sum(plan.pools),
        "duration_seconds": plan.course.duration_seconds,
        "elapsed_seconds": figures.elapsed_seconds,
        "warm_up_seconds": plan.course.warm_up_seconds,
        "window_seconds": averages.get("window_seconds"),
        "mean_load": plan.course.mean_load,
        "mean_holding_seconds": plan.course.mean_holding_seconds,
        "seed": plan.seed,
        "mix": asdict(plan.mix) if plan.mix else None,
        "session_types": counted.get("session_types") or {},
        **{name: totals.get(name, 0) for name in ("arrivals", "completions", "rejections", "errors")},
        "mean_utility": averages.get("utility_mean"),
        **{name: averages.get(name) for name in AVERAGES},
        "estimate_rank": state.get("estimate_rank"),
        "optimal_rank": state.get("optimal_rank"),
        **{name: _percentiles(counted.get(name) or {}) for name in ("assign_ms", "lateness_ms", "service_ms")},
        "achieved_rate": counted.get("achieved_rate"),
        "target_rate": counted.get("target_rate"),
        "fixed_weights": {
            "tuned_for_load_per_pool": plan.course.mean_load,
            "weights": [float(weight) for weight in figures.weights.weights],
            "relative_placement_gap": figures.weights_gap_mean,
        },
        "agreement": result.get("agreement"),
        "load_generator": counted or None,
    }


def _percentiles(given: Facts) -> Facts:
    return {name: given.get(name) for name in ("p50", "p99", "p999", "max")}
