"""What was seen becomes figures, a picture, a line and sentences; missing ones are said to be missing."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from slta_demo.figures import Figures, report
from slta_demo.fixed_weights import FixedWeights
from slta_demo.options import Options, plan
from slta_demo.summary import percent, summarise
from slta_demo.view import PlainLines, plain_line

KEYS = {
    "policy", "pools", "duration_seconds", "arrivals", "completions", "rejections", "errors", "mean_utility",
    "utility_bound", "utility_gap", "relative_gap", "placement_gap", "swing_gap", "mean_sessions_per_pool",
    "estimate_rank", "optimal_rank", "assign_ms", "achieved_rate", "target_rate", "lateness_ms", "service_ms",
}  # fmt: skip


def state_of(sessions: int, time: float, assigned: int) -> dict[str, Any]:
    """A state of the saturating fleet, as far as it is looked at."""
    classes = [
        {
            "name": name, "pools": {"active": pools}, "sessions": {"active": sessions // 4}, "threshold": 3,
            "optimal_threshold": 3, "tokens": {"green": 1, "yellow": 2},
            "optimal_occupancy": [float(pools), pools * 0.8, pools * 0.2],
        }
        for name, pools in (("linear", 50), ("quadratic", 25), ("saturating", 25))
    ]  # fmt: skip
    return {
        "time": time, "counters": {"assigned": assigned, "completed": assigned - sessions},
        "sessions": {"active": sessions}, "offered_load_estimate": sessions / 100, "utility": 990.0,
        "utility_bound": 1000.0, "relative_gap": 0.01, "estimate_rank": 7, "optimal_rank": 8, "classes": classes,
    }  # fmt: skip


AVERAGES = {
    "window_seconds": 40.0, "mean_sessions_per_pool": 8.25, "utility_mean": 11.9, "utility_bound": 12.0,
    "utility_gap": 0.1, "relative_gap": 0.1 / 12, "placement_gap": 0.04, "relative_placement_gap": 0.04 / 12,
    "swing_gap": 0.06, "relative_swing_gap": 0.06 / 12,
}  # fmt: skip
TOTALS = {"arrivals": 1000, "placed": 995, "completions": 900, "rejections": 5, "errors": 0}
PROGRESS = {
    "kind": "progress", "elapsed_seconds": 30.0, "is_arriving": True, "since": "opaque", "totals": TOTALS,
    "assign_ms": {"p50": 1.5, "p99": 4.0}, "lateness_ms": {"p50": 0.25, "p99": 0.5},
    "service_ms": {"p50": 1.25, "p99": 3.5},
}  # fmt: skip
WARMING_UP = PROGRESS | {"since": None}
AGREEMENT = {
    "recorded_mean_sessions_per_pool": 8.2501,
    "served_mean_sessions_per_pool": 8.25,
    "relative_difference": 0.00001,
    "differing_pools": {},
    "holds": True,
}
SUMMARY: dict[str, Any] = {
    "assign_ms": {"p50": 1.5, "p99": 4.0, "p999": 8.0, "max": 9.0},
    "lateness_ms": {"p50": 0.25, "p99": 0.5, "p999": 1.0, "max": 2.0},
    "service_ms": {"p50": 1.25, "p99": 3.5, "p999": 7.0, "max": 7.5},
    "achieved_rate": 99.0,
    "target_rate": 100.0,
}
RESULT = {"kind": "result", "totals": TOTALS, "agreement": AGREEMENT, "summary": SUMMARY}


@pytest.fixture
def figures() -> Figures:
    the_plan = plan(Options())
    return Figures(the_plan, FixedWeights(the_plan.spec, the_plan.pools, 850))


def test_rates_are_differences_of_counters_over_the_fleets_time(figures: Figures) -> None:
    figures.see(state_of(sessions=100, time=10.0, assigned=300), None)
    figures.see(state_of(sessions=110, time=10.5, assigned=350), None)
    assert figures.arrivals_per_second == 100  # 50 in half a second
    assert figures.completions_per_second == 80  # 240 instead of 200


def test_what_weights_lose_on_average_is_weighed_by_the_optimum(figures: Figures) -> None:
    figures.hear(PROGRESS)
    for sessions in (500, 1200):
        figures.see(state_of(sessions, time=float(sessions), assigned=sessions), None)
    reached = sum(figures.weights.utility(figures.plan.pools, sessions) for sessions in (500, 1200))
    assert figures.weights_gap_mean == pytest.approx((2000 - reached) / 2000)
    assert figures.weights_gap_now == figures.weights.relative_gap(figures.plan.pools, 1200)


def test_before_the_window_and_after_the_end_nothing_counts(figures: Figures) -> None:
    figures.hear(WARMING_UP)
    figures.see(state_of(500, 1.0, 500), None)
    assert figures.weights_gap_mean is None
    figures.hear(PROGRESS | {"is_arriving": False})
    figures.see(state_of(0, 2.0, 500), None)
    assert figures.state is not None
    assert figures.state["sessions"]["active"] == 500


def test_the_file_has_every_key(figures: Figures) -> None:
    figures.see(state_of(800, 60.0, 1000), AVERAGES)
    figures.hear(RESULT)
    written = report(figures)
    assert written.keys() >= KEYS
    assert {name: written[name] for name in SUMMARY} == SUMMARY
    assert (written["arrivals"], written["completions"], written["estimate_rank"]) == (1000, 900, 7)


def test_the_file_of_a_run_that_was_interrupted_has_every_key_too(figures: Figures) -> None:
    written = report(figures)
    assert written.keys() >= KEYS
    assert written["mean_utility"] is None


def test_the_summary_says_what_counts(figures: Figures) -> None:
    figures.hear(PROGRESS)
    figures.see(state_of(800, 60.0, 1000), AVERAGES)
    figures.hear(RESULT)
    text = "\n".join(summarise(figures, report(figures), interrupted=False))
    said = "SLTA placed sessions on 100 pools: 1,000 arrivals", "5 rejected, 0 errors", "0.83 %", "0.33 %", "0.50 %"
    assert [words for words in (*said, "every pool's occupancy is the same") if words not in text] == []


def test_the_summary_of_a_run_that_hardly_began(figures: Figures) -> None:
    text = summarise(figures, report(figures), interrupted=True)
    assert text == ["Interrupted after 0 s. Nothing was measured yet: the averages begin after 20 s."]


def test_without_a_terminal_the_end_of_the_arrivals_is_said_once(figures: Figures) -> None:
    console = Console(width=300)
    lines = PlainLines(console)
    figures.see(state_of(1200, 30.0, 1200), AVERAGES)
    with console.capture() as capture:
        for elapsed_seconds in (20.0, 26.0, 32.0):
            figures.hear(PROGRESS | {"elapsed_seconds": elapsed_seconds, "is_arriving": False})
            lines.show(figures)
    assert capture.get() == "  20 s  no more arrivals: the figures stand, and the last sessions end\n"


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(None, "–"), (0.0, "0.000 %"), (0.00012, "0.012 %"), (0.0012, "0.12 %"), (0.0912, "9.12 %"), (0.2573, "25.7 %")],
)
def test_small_gaps_keep_their_digits(fraction: float | None, text: str) -> None:
    assert percent(fraction) == text


def test_without_a_terminal_there_is_a_line_now_and_then(figures: Figures) -> None:
    console = Console(width=300)
    lines = PlainLines(console)
    figures.see(state_of(1200, 30.0, 1200), AVERAGES)
    with console.capture() as capture:
        for elapsed_seconds in (0.0, 1.0, 4.9, 5.0, 6.0):
            figures.hear(PROGRESS | {"elapsed_seconds": elapsed_seconds})
            lines.show(figures)
    assert len(capture.get().splitlines()) == 2
    assert "placement gap 0.33 %" in plain_line(figures)


def test_the_summary_says_how_late_the_load_generator_was_and_what_the_service_took(figures: Figures) -> None:
    figures.see(state_of(800, 60.0, 1000), AVERAGES)
    figures.hear(RESULT)
    text = "\n".join(summarise(figures, report(figures), interrupted=False))

    assert "assign over HTTP, from the scheduled moment: p50 1.5 ms, p99 4.0 ms, longest 9.0 ms" in text
    assert "the load generator was late by p50 0.25 ms, p99 0.50 ms; the service took p50 1.2 ms, p99 3.5 ms" in text


def test_the_running_line_says_how_late_requests_were_sent(figures: Figures) -> None:
    figures.hear(PROGRESS)
    figures.see(state_of(800, 60.0, 1000), AVERAGES)

    assert "assign p50 1.5 ms (sent 0.25 ms late) p99 4.0 ms" in plain_line(figures)
