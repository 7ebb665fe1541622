"""Policy recommendation as text: what was simulated, the results, and the reason."""

from __future__ import annotations

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta_planning.check.trial import NO_DIFFERENCE, Trial
from slta_planning.playing import SEEDS
from slta_planning.text import amount, columns, percent


def advice(spec: FleetSpec, trial: Trial, pools: int) -> str:
    """A table of each policy's loss, and a recommendation."""
    if not trial.loads:
        return "no policy was tried: every load is 0 or above the fleet's capacity"
    part = "" if trial.pools == pools else f", on {trial.pools:,} of {pools:,} pools"
    rows = [["placement gap, % of the bound, at", *(f"{amount(load)} sessions" for load in trial.loads)]]
    rows += [[POLICIES[name].title, *(percent(one.mean) for one in lost)] for name, lost in trial.lost.items()]
    title = f"tried with Poisson arrivals and exponential durations, {SEEDS} runs each{part}"
    return "\n".join([title, *columns(rows), _why(spec, trial)])


def _why(spec: FleetSpec, trial: Trial) -> str:
    chosen = POLICIES[trial.choice].title
    means = ", ".join(f"{POLICIES[name].title} {percent(trial.mean(name))}" for name in trial.lost)
    best = min(trial.lost, key=trial.mean)
    why = (
        "it loses least"
        if best == trial.choice
        else f"what {POLICIES[best].title} would win is within {percent(NO_DIFFERENCE)} or the noise of these runs"
    )
    said = "as the file says" if trial.choice == spec.policy.name else f"the file says {spec.policy.name}"
    return f"take {chosen} ({said}), in the order of {spec.order.title}: on average {means}, and {why}"
