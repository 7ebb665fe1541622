"""What was seen becomes figures, lines and a closing table; missing ones are said to be missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slta_demo.figures import Figures, report
from slta_demo.fixed_weights import FixedWeights
from slta_demo.options import EXAMPLES, Options, plan
from slta_demo.output import Lines, closing_table, line, percent

KEYS = {
    "policy", "pools", "duration_seconds", "arrivals", "completions", "rejections", "errors", "mean_utility",
    "utility_bound", "utility_gap", "relative_gap", "placement_gap", "swing_gap", "mean_sessions_per_pool",
    "estimate_rank", "optimal_rank", "assign_ms", "achieved_rate", "target_rate", "lateness_ms", "service_ms",
}  # fmt: skip


def state_of(sessions: int, time: float, assigned: int) -> dict[str, Any]:
    """A state of the saturating fleet, as far as it is looked at."""
    classes = [{"name": name, "pools": {"active": pools}} for name, pools in (("a", 50), ("b", 25), ("c", 25))]
    return {
        "time": time, "counters": {"assigned": assigned, "completed": assigned - sessions},
        "sessions": {"active": sessions}, "utility": 990.0,
        "utility_bound": 1000.0, "relative_gap": 0.01, "estimate_rank": 7, "optimal_rank": 8, "classes": classes,
        "session_types": [],
    }  # fmt: skip


AVERAGES = {
    "window_seconds": 40.0, "mean_sessions_per_pool": 8.25, "utility_mean": 11.9, "utility_bound": 12.0,
    "utility_gap": 0.1, "relative_gap": 0.1 / 12, "placement_gap": 0.04, "relative_placement_gap": 0.04 / 12,
    "swing_gap": 0.06, "relative_swing_gap": 0.06 / 12,
    "compatibility_gap": None, "relative_compatibility_gap": None,
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
    return Figures(the_plan, FixedWeights(the_plan.spec, the_plan.pools, [850]))


def test_rates_are_differences_of_counters_over_the_fleets_time(figures: Figures) -> None:
    figures.see(state_of(sessions=100, time=10.0, assigned=300), None)
    figures.see(state_of(sessions=110, time=10.5, assigned=350), None)
    assert figures.arrivals_per_second == 100  # 50 in half a second


def test_what_weights_lose_on_average_is_weighed_by_the_optimum(figures: Figures) -> None:
    figures.hear(PROGRESS)
    for sessions in (500, 1200):
        figures.see(state_of(sessions, time=float(sessions), assigned=sessions), None)
    reached = sum(figures.weights.utility(figures.plan.pools, [sessions]) for sessions in (500, 1200))
    assert figures.weights_gap_mean == pytest.approx((2000 - reached) / 2000)


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


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"pools": 1}, "SLTA on 1 pool of fleet saturating"),
        ({"lateness_ms": {"p50": 60.0, "p99": 101.0, "max": 200.0}}, "\nThis machine was too busy: "),
    ],
)
def test_the_table_says_what_a_run_had_of_its_own(figures: Figures, table: str, change: Any, told: str) -> None:
    assert told in closing_table(figures, report(figures) | change, interrupted=False)
    assert told not in table


def of_media(**options: Any) -> Figures:
    """A run of examples/media.yaml with 300 calls, 250 streams and 250 chats at its end."""
    the_plan = plan(Options(fleet_file=EXAMPLES / "media.yaml", **options))
    figures = Figures(the_plan, FixedWeights(the_plan.spec, the_plan.pools, [0, 300, 250, 250]))
    figures.hear(PROGRESS)
    classes = [{"name": name, "pools": {"active": pools}} for name, pools in (("g", 30), ("l", 30), ("s", 40))]
    types = [{"sessions": {"active": sessions}} for sessions in (0, 300, 250, 250)]
    state = state_of(800, 60.0, 1000) | {"optimal_rank": None, "classes": classes, "session_types": types}
    figures.see(state, AVERAGES | {"relative_compatibility_gap": 0.0123})
    return figures


def rows_of(figures: Figures) -> dict[str, str]:
    """The closing table by label, without the indent of labels and values."""
    _, *lines = closing_table(figures, report(figures), interrupted=False).splitlines()
    return {label.strip(): value.strip() for label, value in (row.split(": ", 1) for row in lines)}


def test_of_each_session_type_the_table_says_its_share_and_the_rejected() -> None:
    figures = of_media(session_types=["call=1,chat=3"], swing_types="0.25@20")
    counts = {"call": {"placed": 95, "rejections": 5, "errors": 0}, "chat": {"placed": 9, "rejections": 0, "errors": 0}}
    figures.hear(RESULT | {"summary": SUMMARY | {"session_types": counts}})
    rows = rows_of(figures)
    assert rows["session types, after the warm-up"] == "shares swing by ±25 % in 20 s"
    assert rows["call"] == "25.0 % of the arrivals, 5.00 % rejected"
    assert rows["chat"] == "75.0 % of the arrivals, none rejected"
    assert rows["compatibility gap, beyond the bound"] == "1.23 %"
    assert rows["rank of the best free place, at the end"] == "7"
    assert report(figures)["session_types"] == counts


def test_what_weights_lose_respects_the_types() -> None:
    """300 calls are 10 on each GPU; as a GPU's curve ends at 12, streams fill it up."""
    figures = of_media()
    assert figures.weights.weights[0] == 12
    reached = figures.weights.utility((30, 30, 40), [0, 300, 250, 250])
    assert figures.weights_gap_mean == pytest.approx((1000 - reached) / 1000)


def test_a_steady_mix_is_told_as_one() -> None:
    assert rows_of(of_media(swing_types="0@1"))["session types, after the warm-up"] == "shares are steady"


def test_a_trace_is_told_to_be_without_session_types(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("start_s,duration_s\n0,10\n20,30\n")
    assert rows_of(of_media(trace=trace))["session types"] == "all default: a trace names no types"


@pytest.fixture
def table(figures: Figures) -> str:
    """The closing table of a whole run."""
    figures.hear(PROGRESS)
    figures.see(state_of(800, 60.0, 1000), AVERAGES)
    figures.hear(RESULT)
    return closing_table(figures, report(figures), interrupted=False)


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("policy", "SLTA on 100 pools of fleet saturating"),
        ("arrivals, warm-up included", "1,000 in 30 s"),
        ("  rejected, errors", "5, 0"),
        ("averages over", "40.0 s, after 20 s warm-up"),
        ("sessions per pool", "8.250"),
        ("utility per pool", "11.9000"),
        ("bound for any policy", "12.0000"),
        ("lost in all", "0.83 %"),
        ("  by placement (placement gap)", "0.33 %"),
        ("  by swings of the load (swing gap)", "0.50 %"),
        ("estimate r, at the end", "7, optimal 8"),
        ("assign, from the scheduled moment", "ms: p50 1.50, p99 4.00, max 9.00"),
        ("  until sent (load generator)", "ms: p50 0.25, p99 0.50, max 2.00"),
        ("  until answered (service)", "ms: p50 1.25, p99 3.50, max 7.50"),
        ("answered", "99 of 100 arrivals per second"),
        ("sessions per pool, load generator", "8.250, service 8.250 (0.001 % apart)"),
        ("pools whose occupancies differ", "0"),
    ],
)
def test_the_closing_table_has_a_row_per_figure(table: str, label: str, value: str) -> None:
    rows = dict(row.split(": ", 1) for row in table.splitlines()[1:])
    assert rows[label].strip() == value


def test_the_closing_table_says_what_fixed_weights_lose(figures: Figures, table: str) -> None:
    reached = figures.weights.utility(figures.plan.pools, [800])
    assert f"at least {percent((1000 - reached) / 1000)}, tuned for 8.5 per pool" in table


def test_the_closing_table_fits_80_columns(table: str) -> None:
    assert max(map(len, table.splitlines())) <= 80


def test_a_run_that_hardly_began_has_no_table(figures: Figures) -> None:
    text = closing_table(figures, report(figures), interrupted=True)
    assert text == "Interrupted after 0 s. Nothing was measured yet: the averages begin after 20 s."


def test_a_line_has_the_current_figures(figures: Figures) -> None:
    figures.hear(PROGRESS)
    figures.see(state_of(sessions=800, time=10.0, assigned=300), None)
    state = state_of(sessions=850, time=11.0, assigned=400)
    figures.see(state, AVERAGES)

    shown = line(figures, state, PROGRESS)
    assert shown.split() == ["30", "s", "100", "850", "990.00", "1000.00", "1.00", "%", "1.50", "4.00", "5"]
    with_errors = line(figures, state, PROGRESS | {"totals": TOTALS | {"errors": 2}})
    assert with_errors.split()[-1] == "5/2"


def test_a_line_of_a_large_fleet_under_overload_fits_80_columns(figures: Figures) -> None:
    state = state_of(sessions=655_360, time=10.0, assigned=655_360) | {"utility": 1e6, "utility_bound": 1e6}
    totals = TOTALS | {"rejections": 99_999, "errors": 9_999}
    assert len(line(figures, state, PROGRESS | {"totals": totals, "assign_ms": {"p50": 9e3, "p99": 9e3}})) <= 80


def test_the_heading_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    Lines()
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_averages_and_end_of_arrivals_are_said_once(figures: Figures, capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    capsys.readouterr()
    figures.see(state_of(1200, 30.0, 1200), AVERAGES)
    for progress in (WARMING_UP, WARMING_UP, PROGRESS, PROGRESS, *[PROGRESS | {"is_arriving": False}] * 2):
        figures.hear(progress)
        lines.show(figures)
    shown = [text[:7] for text in capsys.readouterr().out.splitlines()]
    figure = "  30 s "
    assert shown == ["warming", figure, figure, "warm-up", figure, figure, "no more"]


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        *((None, "–"), (0.0, "0.000 %"), (-1e-9, "0.000 %"), (0.00012, "0.012 %"), (0.0012, "0.12 %")),
        *((0.0912, "9.12 %"), (0.2573, "25.7 %")),
    ],
)
def test_small_gaps_keep_their_digits(fraction: float | None, text: str) -> None:
    assert percent(fraction) == text
