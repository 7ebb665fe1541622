"""`slta plan` on the command line for a fleet with session types."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slta.core.session_types.bound import bound
from slta.fleet_file import compile_spec, load_yaml
from slta_planning.plan import answer, simulation
from slta_planning.plan.loads import loads_of, read_profile
from slta_planning.plan.options import Loads, Options
from slta_planning.plan.rounds import Found, Round
from slta_planning.plan.search import Search
from slta_planning.plan.simulation import NO_FIGURES
from tests.planning.commands import prose, refusal, shown
from tests.planning.plan_calls import figures, plan

FLEET = """\
fleet: media
policy: jlmu
session_types:
  video: [gpu]
  chat: [gpu, plain]
classes:
  - {name: gpu, utility: {kind: table, values: [0, 5, 9, 12, 14]}, capacity: 4, pools: 2}
  - {name: plain, utility: {kind: table, values: [0, 4, 7, 9]}, capacity: 3, pools: 3}
"""
COSTS = ["--cost", "gpu=3", "--cost", "plain=1"]
LOADS = ["--sessions", "video=6", "--sessions", "chat=12"]
PLAN = [*COSTS, *LOADS, "--refused", "0.01"]
KINDS = ["default", "video", "chat"]


@pytest.fixture(autouse=True)
def short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "RUN_SESSIONS", 5_000)


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    path = tmp_path / "media.yaml"
    path.write_text(FLEET, encoding="utf-8")
    return path


def test_a_plan_keeps_floor_and_refusals_in_simulation(fleet: Path) -> None:
    data = figures(fleet, *PLAN, "--floor", "60%")
    spec, (hour,), pools = compile_spec(load_yaml(fleet).file), data["hours"], list(data["pools"].values())
    most = bound(spec.type_sets, spec.bound_ranking, pools, [0, 6, 12]).utility
    assert hour["bound"] == pytest.approx(most)
    assert hour["floor"] == pytest.approx(0.6 * 5 * 18)
    assert hour["floor"] <= hour["measured_utility"] < most
    assert hour["measured_error"] < 0.01 * most
    assert data["cost"] == pytest.approx(3 * pools[0] + pools[1])
    assert list(hour["session_types"]) == ["video", "chat"]
    assert {name: found for name, found in hour["session_types"].items() if not found["refused"] <= 0.01} == {}
    assert hour["session_types"]["video"]["sessions"]["plain"] == 0
    more = bound(spec.type_sets, spec.bound_ranking, [pools[0] + 1, pools[1]], [0, 6, 12]).utility
    assert data["classes"]["gpu"]["adds"] == pytest.approx(more - most)
    assert data["rounds"][-1]["refused"] == 0


RARE = """\
fleet: rare
policy: jlmu
session_types: {one: [a], two: [a, b]}
classes:
  - {name: a, utility: {kind: linear, slope: 1.7}, capacity: 11}
  - {name: b, utility: {kind: quadratic, linear: 1.5, quadratic: -0.05}, capacity: 12}
  - {name: c, utility: {kind: linear, slope: 0.6}, capacity: 15}
"""


@pytest.mark.slow
def test_a_larger_reserve_keeps_refusals_of_a_cheaper_fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the file's ρ = ½ the fleet costs more; without reserves 34.8 (lab/studies/results/session-types.json)."""
    (file := tmp_path / "rare.yaml").write_text(RARE, encoding="utf-8")
    costs = ["--cost", "a=1.5", "--cost", "b=1.2", "--cost", "c=0.7"]
    call = [*costs, "--sessions", "one=60,two=70,default=90", "--floor", "55%", "--refused", "0.01"]
    found = figures(file, *call)
    monkeypatch.setattr(answer, "RESERVES", ())
    assert (found["reserve"] > 0.5, figures(file, *call)["cost"] > found["cost"]) == (True, True)
    assert found["cost"] < 25


@pytest.mark.parametrize(("refusing", "reserves"), [(0.1, [0.5, 0.0, 1.0, 1.5, 2.0]), (0.0, [0.5])])
def test_other_reserves_are_tried_once_if_rounds_refused_too_many_and_taken_if_cheaper(
    fleet: Path, monkeypatch: pytest.MonkeyPatch, refusing: float, reserves: list[float]
) -> None:
    tried = list[float]()

    def found_by(search: Search, *_: object) -> Found:
        tried.append(search.spec.reserve)
        return Found([Round((9, 9), proven=True, cost=36.0, hours=(NO_FIGURES,), refusing=refusing)], None)

    monkeypatch.setattr(answer, "found_by", found_by)
    options = Options(["gpu=3,plain=1"], Loads(["video=6,chat=12"]), None, "60%", None, 0.01)
    assert answer.planned(compile_spec(load_yaml(fleet).file), options)["reserve"] == 0.5
    assert tried == reserves


def test_a_share_is_of_what_each_type_can_earn(fleet: Path) -> None:
    fleet.write_text(FLEET.replace("chat: [gpu, plain]", "chat: [plain]"), encoding="utf-8")
    data = figures(fleet, *PLAN, "--floor", "60%")
    assert data["floor"] == {"default": 3.0, "video": 3.0, "chat": pytest.approx(2.4)}
    assert data["hours"][0]["floor"] == pytest.approx(3 * 6 + 2.4 * 12)
    assert figures(fleet, *PLAN, "--floor", "2.5")["hours"][0]["floor"] == 2.5 * 18


def test_the_report_names_types_refusals_and_seeds(fleet: Path) -> None:
    text = shown(plan(fleet, *PLAN, "--floor", "60%"))
    assert "media: the cheapest fleet found for 18 sessions has" in text
    assert "type offered refused in gpu in plain" in text
    assert "video 6 0." in text
    assert "JLMU with prices in virtual time on this fleet" in text
    assert "runs, seeds from 0" in text
    assert "at most 1.00 %" in text
    assert "reserve: 0.5 belongs in the fleet file" in text


def test_a_fleet_that_observes_is_planned_for_jlmu(fleet: Path) -> None:
    fleet.write_text(FLEET.replace("jlmu", "observe"), encoding="utf-8")
    assert figures(fleet, *PLAN, "--budget", "40")["policy"] == "jlmu"


@pytest.mark.parametrize("wanted", [["--floor", "60%"], ["--budget", "40"]])
def test_the_prose_of_a_plan_fits_80_columns(fleet: Path, wanted: list[str]) -> None:
    assert max(map(len, prose(plan(fleet, *PLAN, *wanted)))) <= 80


def test_a_day_has_a_column_for_each_type(fleet: Path, tmp_path: Path) -> None:
    day = tmp_path / "day.csv"
    day.write_text("hour,chat,video,default\nnight,2,1,0\nnoon,12,3,1.5\nnone,0,0,0\n", encoding="utf-8")
    assert read_profile(day, KINDS)[1] == ("noon", (1.5, 3.0, 12.0))
    out = tmp_path / "plan.json"
    wanted = ("--profile", str(day), "--floor", "60%", "--refused", "0.02", "--json", str(out))
    text = plan(fleet, *COSTS, *wanted).output
    data = json.loads(out.read_text(encoding="utf-8"))
    night, noon, none = data["hours"]
    assert (night["sessions"], noon["sessions"], none["runs"]) == (3, 16.5, 0)
    assert list(noon["session_types"]) == KINDS
    assert [hour for hour in (night, noon) if not hour["measured_utility"] >= hour["floor"]] == []
    assert none["measured_utility"] is None
    assert [line.split()[:3] for line in text.splitlines() if line.startswith("noon")][1:] == [
        ["noon", kind, load] for kind, load in (("default", "1.5"), ("video", "3"), ("chat", "12"))
    ]


def test_loads_may_be_in_one_option_as_of_the_load_generator() -> None:
    assert loads_of(Loads(["video=6, chat=10"]), KINDS) == loads_of(Loads(["video=6", "chat=10"]), KINDS)


def test_sessions_without_a_type_are_a_load_without_a_name() -> None:
    assert loads_of(Loads(["video=6", "3", "chat=1e1"]), KINDS) == ("", (3.0, 6.0, 10.0))
    assert loads_of(Loads(["video=6", "3", "chat=1e1"], times=5), KINDS) == ("", (15.0, 30.0, 50.0))
    assert loads_of(Loads(["default=3", "video=6", "chat=0"]), KINDS) == ("", (3.0, 6.0, 0.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sessions", "video=6"], "--sessions: every session type needs a load: add --sessions chat=…"),
        (["--sessions", "18"], "every session type needs a load: add --sessions video=… --sessions chat=…"),
        ([*LOADS, "--sessions", "vide=6"], "--sessions: no session type is named 'vide'; did you mean video?"),
        (
            [*LOADS, "--sessions", "audio=6"],
            "no session type is named 'audio'; the session types are default, video, chat",
        ),
        ([*LOADS, "--sessions", "chat=6"], "--sessions: chat is there twice"),
        ([*LOADS, "--sessions", "2", "--sessions", "3"], "--sessions: default is there twice"),
        (["--sessions", "video=-1", "--sessions", "chat=2"], "--sessions video: -1 is not from 0 to"),
        (["--sessions", "video=many", "--sessions", "chat=2"], "--sessions video: 'many' is not a number of sessions"),
        (["--sessions", "video:6", "--sessions", "chat=2"], "--sessions: 'video:6' is not like video=6"),
        (["--sessions", "video=6,chat:2"], "--sessions: 'chat:2' is not like chat=2"),
        (
            ["--sessions", "video=0", "--sessions", "chat=0"],
            "--sessions: all types together have 0 sessions, not from 1 to 50,000",
        ),
        (["--sessions", "video=1", "--sessions", "chat=60000"], "as many as can be simulated"),
        ([*LOADS, "--floor", "9"], "--floor: a session adds at most 5 on a pool of these classes"),
    ],
)
def test_a_call_that_makes_no_sense_ends_with_2(fleet: Path, options: list[str], message: str) -> None:
    floor = [] if "--floor" in options else ["--floor", "1"]
    assert message in refusal(plan(fleet, *COSTS, *options, *floor))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hour,video\n1,2\n", "must name the columns hour,video,chat; chat missing"),
        ("hour,video,chat,sessions\n1,2,3,5\n", "the column sessions cannot say whose sessions it means"),
        ("hour,video,chat,chatt\n1,2,3,5\n", "the first line: no session type is named 'chatt'; did you mean chat?"),
        ("hour,video,chat,default,default\n1,2,3,5,5\n", "names the column default twice"),
        ("hour,video,chat\n1,2,-3\n", "line 2: chat: -3 is not from 0"),
        ("hour,video,chat\n1,2,3\n1,2,3\n", "line 3: duplicate hour 1"),
        ("hour,video,chat\n1,0,0\n", "contains no hours"),
        ("hour,video,chat\n1,40000,20000\n", "line 2: all types together have 60000 sessions"),
    ],
)
def test_an_unusable_profile_is_named_with_its_line(fleet: Path, tmp_path: Path, text: str, message: str) -> None:
    day = tmp_path / "day.csv"
    day.write_text(text, encoding="utf-8")
    assert message in refusal(plan(fleet, *COSTS, "--profile", str(day), "--floor", "1"))


def test_a_budget_without_room_names_what_each_type_needs(fleet: Path) -> None:
    """15 plain pools would have 45 places, in which calls may not be."""
    fleet.write_text(FLEET.replace("chat: [gpu, plain]", "chat: [plain]"), encoding="utf-8")
    result = plan(fleet, *PLAN, "--budget", "15")
    assert result.exit_code == 1
    assert "need: 13 in gpu for video, 20 in plain for chat, 28 in all; the cheapest that has them costs 19" in shown(
        result
    )
    assert plan(fleet, *PLAN, "--budget", "18.9").exit_code == 1
