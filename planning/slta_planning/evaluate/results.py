"""Results of an evaluation as JSON. Utilities are time averages of the whole fleet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np

from slta.core.gaps import Gaps
from slta_planning.evaluate.holes import Hole
from slta_planning.evaluate.reading import Log
from slta_planning.evaluate.replay import RECORDED, Evaluation
from slta_planning.evaluate.window import Window


def results(evaluation: Evaluation, log: Log, holes: Sequence[Hole] = ()) -> dict[str, Any]:
    """Figures of the whole window and of each hour; with session types the refused of each from first to last."""
    window, active = evaluation.window, evaluation.active
    durations = log.ends - log.starts
    hours = list(pairwise(window.hours))
    return {
        "format": log.format.name,
        "lines": asdict(log.lines),
        "pools": {c.name: k for c, k in zip(active.shape.classes, active.shape.shares, strict=True)},
        "unseen": {"pools": active.unseen, "share_of_capacity": active.unseen_share, "rule": active.rule.value},
        "window": _window(window),
        "sessions": evaluation.sessions,
        "duration": {"mean_s": float(durations.mean()), "median_s": float(np.median(durations))},
        **over(evaluation, window.begin, window.end),
        "weights": dict(evaluation.weights),
        **(_of_types(evaluation) if evaluation.spec.session_types else {}),
        "by_gap": [],
        "holes": [{"from_s": hole.begin, "to_s": hole.end, "sessions": hole.sessions} for hole in holes],
        "not_measured": [_times(window, *hole) for hole in window.holes],
        "hours": [
            _times(window, begin, end) | over(evaluation, begin, end) for begin, end in hours if window.kept(begin, end)
        ],
    }


def over(evaluation: Evaluation, begin: float, end: float) -> dict[str, Any]:
    """Figures between two times of the window."""
    found = {name: evaluation.over(name, begin, end) for name in evaluation.trajectories}
    recorded = found.pop(RECORDED)
    cost = recorded.relative(recorded.compatibility_gap)
    return {
        "mean_pools": recorded.mean_pools,
        "mean_sessions": recorded.mean_sessions_per_pool * recorded.mean_pools,
        "bound": recorded.utility_bound * recorded.mean_pools,
        RECORDED: _placement(recorded),
        "policies": {name: _placement(gaps) for name, gaps in found.items()},
        **({} if recorded.compatibility_gap is None else {"relative_compatibility_gap": cost}),
    }


def _of_types(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "session_types": {name: int(count) for name, count in evaluation.by_type.items()},
        "refused": {name: dict(trajectory.refused) for name, trajectory in evaluation.trajectories.items()},
    }


def _placement(gaps: Gaps) -> dict[str, Any]:
    return {
        "utility": gaps.utility_mean * gaps.mean_pools,
        "utility_optimum": gaps.utility_optimum_mean * gaps.mean_pools,
        "relative_placement_gap": gaps.relative(gaps.placement_gap),
        "relative_swing_gap": gaps.relative(gaps.swing_gap),
    }


def _times(window: Window, begin: float, end: float) -> dict[str, float]:
    return {"from_s": window.origin + begin, "to_s": window.origin + end}


def _window(window: Window) -> dict[str, float]:
    return {
        **_times(window, window.begin, window.end),
        "seconds": sum(end - begin for begin, end in window.kept(window.begin, window.end)),
        "warm_up_s": window.begin,
        "cool_down_s": window.last_start - window.end,
        "missing_at_begin": window.missing_at_begin,
        "missing_at_end": window.missing_at_end,
    }
