"""What is played follows from what was asked for, and nothing starts before it all fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slta.cli.error_messages import UserError
from slta.fleet_file import parse_document
from slta_demo.mix import mean_sessions
from slta_demo.options import EXAMPLES, Options, in_proportion, parse_load, plan
from slta_demo.processes import load_options
from slta_loadgen.profile import parse_profile
from slta_loadgen.type_mix import parse_mix


def test_by_default_the_saturating_fleet_sees_a_load_between_5_and_12() -> None:
    the_plan = plan(Options())
    assert (the_plan.fleet, sum(the_plan.pools), the_plan.spec.policy.name) == ("saturating", 100, "slta")
    course = the_plan.course
    assert course.text is not None
    loads = [parse_profile(course.text).rate_at(seconds) for seconds in range(40)]
    assert (min(loads), max(loads)) == (pytest.approx(5), pytest.approx(12))
    assert course.mean_load == pytest.approx(8.5)
    assert (course.duration_seconds, course.warm_up_seconds) == (60, 20)


def test_the_paper_s_fleet_scaled_to_20_pools_under_another_policy() -> None:
    options = Options(fleet_file=EXAMPLES / "paper.yaml", policy="jlmu", pools=20, load_per_pool="10", mean_holding=2)
    the_plan = plan(options)
    assert (the_plan.pools, the_plan.spec.policy.name) == ((10, 10), "jlmu")
    assert the_plan.course.mean_load == 10
    assert the_plan.course.warm_up_seconds == 10  # 5 mean holding times


def test_the_document_is_the_chosen_fleet() -> None:
    the_plan = plan(Options(pools=8, policy="jlmu"))
    file = parse_document(the_plan.document)
    assert (file.fleet, file.policy, [c.pools for c in file.classes]) == ("saturating", "jlmu", [4, 2, 2])
    assert file.to_spec() == the_plan.spec


@pytest.mark.parametrize(
    ("counts", "total", "split"),
    [
        ([50, 25, 25], 20, [10, 5, 5]),
        ([50, 50], 7, [4, 3]),  # 3.5 each: the first class gets the odd one
        ([2, 1], 10, [7, 3]),  # 6.67 and 3.33
        ([50, 0, 50], 4, [2, 0, 2]),
        ([1, 1, 1], 1, [1, 0, 0]),
    ],
)
def test_classes_are_scaled_in_proportion(counts: list[int], total: int, split: list[int]) -> None:
    assert in_proportion(counts, total) == split


def test_a_course_may_be_written_out_and_brings_its_duration() -> None:
    course = plan(Options(load_per_pool="5@30,5..12@20,12@10")).course
    assert (course.warm_up_seconds, course.duration_seconds) == (20, 20 + 60)
    assert course.mean_load == pytest.approx((5 * 30 + 8.5 * 20 + 12 * 10) / 60)


def test_a_swing_is_repeated_in_a_longer_run() -> None:
    once = parse_profile(parse_load("5..12", swing_seconds=50, duration_seconds=180))
    # 180 s have room for four swings of about 50 s: each takes 45.
    assert once.duration_seconds == pytest.approx(45)
    assert [once.rate_at(seconds) for seconds in (0, 22.5, 45)] == pytest.approx([5, 12, 5])
    options = load_options(plan(Options(duration=200, warm_up=20)), "http://127.0.0.1:1")
    assert "--duration=180" in options


def test_a_trace_plays_to_its_end(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("start_s,duration_s\n0,10\n20,30\n40,60\n")
    course = plan(Options(trace=trace, speed=10)).course
    assert course.text is None
    assert (course.warm_up_seconds, course.duration_seconds) == (pytest.approx(4 / 3), 10)


def test_a_trace_with_session_types_is_refused(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("start_s,duration_s,session_type\n0,1,video\n", encoding="utf-8")
    with pytest.raises(UserError, match="--trace: sessions with a session_type are replayed by slta loadgen only"):
        plan(Options(trace=trace))


def test_the_mean_load_of_a_trace_is_that_of_the_time_that_is_measured(tmp_path: Path) -> None:
    """From 4/3 s to 4 s: the first session has ended, the second is there from 2 s on, the third begins at the end."""
    trace = tmp_path / "trace.csv"
    trace.write_text("start_s,duration_s\n0,10\n20,30\n40,60000\n")
    options = Options(trace=trace, speed=10, warm_up=4 / 3)
    assert plan(options).course.mean_load == pytest.approx((4 - 2) / (4 - 4 / 3) / 100)


def test_a_trace_of_one_session_has_no_load_to_tune_for(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("start_s,duration_s\n0,10\n")
    assert plan(Options(trace=trace)).course.mean_load == 0


def test_a_fleet_without_pools_cannot_be_shown(tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text("classes: [{name: a, utility: {kind: linear, slope: 1}, capacity: 1}]")
    with pytest.raises(UserError, match="the fleet file has no pools"):
        plan(Options(fleet_file=file))


MEDIA = EXAMPLES / "media.yaml"


def mix_options_of(**options: Any) -> list[str]:
    """What the load generator is told of session types."""
    told = load_options(plan(Options(**options)), "http://127.0.0.1:1")
    return [word for word in told if "-types=" in word]


def test_the_types_of_a_fleet_arrive_in_equal_shares_that_swing_with_the_load() -> None:
    shares = "call=1.000000000,stream=1.000000000,chat=1.000000000"
    assert mix_options_of(fleet_file=MEDIA) == [f"--session-types={shares}", "--swing-types=0.500000000@40.000000000"]
    assert mix_options_of() == []


def test_a_mix_and_its_swing_can_be_given() -> None:
    given = mix_options_of(fleet_file=MEDIA, session_types=["call=1,chat=3"], swing_types="0@10")
    assert given == ["--session-types=call=1.000000000,chat=3.000000000", "--swing-types=0.000000000@10.000000000"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"fleet_file": MEDIA, "session_types": ["video=1"]}, "unknown video; known: default, call, stream, chat"),
        ({"session_types": ["video=1"]}, "unknown video; known: default"),
        ({"fleet_file": MEDIA, "session_types": ["call"]}, "must be <type>=<share>"),
        ({"fleet_file": MEDIA, "swing_types": "2@1"}, "must be <amplitude"),
        ({"swing_types": "0.5@1"}, "the fleet has no session types"),
        ({"fleet_file": MEDIA, "trace": "trace.csv", "session_types": ["call=1"]}, "not of a trace"),
    ],
)
def test_a_mix_that_cannot_be_played_is_an_error(options: dict[str, Any], reason: str, tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text("start_s,duration_s\n0,10\n20,30\n")
    if "trace" in options:
        options |= {"trace": tmp_path / "trace.csv"}
    with pytest.raises(UserError, match=reason):
        plan(Options(**options))


def test_the_mean_sessions_are_split_by_the_shares() -> None:
    spec = plan(Options(fleet_file=MEDIA)).spec
    assert mean_sessions(spec, parse_mix("call=1,chat=3"), 800) == [0, 200, 0, 600]
    assert mean_sessions(spec, None, 800) == [800, 0, 0, 0]
