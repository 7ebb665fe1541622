"""`slta fit --live` proposes curves from the quality that pools of a real dispatcher report, and applies them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from typer.testing import CliRunner

from slta.cli.commands import app
from slta.core.quality import LevelSamples
from slta.fleet_file import load_yaml
from slta.fleet_file.schema import FleetFile
from slta_planning.fit.learned import Quality
from slta_planning.fit.live import _proposed
from slta_planning.fit.proposal import propose
from testbed.awaiting import until
from testbed.live_fleet import Fleet
from testbed.service_process import ServiceProcess

CLASSES = ("slow", "fast")
LINE = {"kind": "linear", "slope": 1}
WEIGHT = {"kind": "weighted_least_connections", "weight": 1}
NO_WAIT = ("--yes", "--at-most-every", "0")


@pytest.fixture
def weighted(shared_service: ServiceProcess) -> Fleet:
    """Two classes with one weight, of which nothing was measured."""
    made = Fleet(shared_service, f"f-{uuid4().hex[:8]}")
    classes = [{"name": name, "capacity": 12, "pools": 3, "utility": WEIGHT} for name in CLASSES]
    quality = {"per": "session", "unit": "frames/s"}
    shared_service.call("PUT", f"/v1/fleets/{made.name}", {"policy": "jlmu", "quality": quality, "classes": classes})
    return made


@pytest.fixture
def measured(weighted: Fleet) -> Fleet:
    """The fleet at level 6, on the way to which all pools reported their quality, twice."""
    for turn in "ab":
        for level in range(1, 7):
            weighted.assign(*(f"{turn}-{level}-{k}" for k in range(6)))
            if level > 1:
                weighted.call("POST", "pools/heartbeats", {"heartbeats": heartbeats(level)})
        if turn == "a":
            for level in range(1, 7):
                for k in range(6):
                    weighted.complete(f"{turn}-{level}-{k}")
    until(lambda: samples_of(weighted) == 60)
    return weighted


def samples_of(fleet: Fleet) -> int:
    """Samples that ticks have added."""
    return sum(level["samples"] for one in fleet.call("GET", "quality")["classes"] for level in one["levels"])


def heartbeats(level: int) -> list[dict[str, Any]]:
    """Slow pools share 60 frames among their sessions, each of a fast pool has 60; hosts differ."""
    worth = {"slow": 60 / level, "fast": 60.0}
    return [
        {"pool_id": f"{name}-{n}", "ttl_seconds": 3600, "count": level, "quality": worth[name] * (0.9 + n / 20)}
        for name in CLASSES
        for n in (1, 2, 3)
    ]


def twice_as_good(fleet: Fleet, name: str) -> None:
    """All pools go between two levels and report their quality, those of a class twice as much."""
    last = "b-6"
    for turn in range(5):
        for k in range(6):
            fleet.complete(f"{last}-{k}")
        report(fleet, 5, name)
        last = f"c-{turn}"
        fleet.assign(*(f"{last}-{k}" for k in range(6)))
        report(fleet, 6, name)
    until(lambda: samples_of(fleet) == 120)


def report(fleet: Fleet, level: int, better: str) -> None:
    beats = [one | {"quality": one["quality"] * (1 + one["pool_id"].startswith(better))} for one in heartbeats(level)]
    fleet.call("POST", "pools/heartbeats", {"heartbeats": beats})


def called(fleet: Fleet, *line: str | Path) -> Any:
    environment = {"SLTA_URL": fleet.service.url, "SLTA_FLEET": fleet.name, "COLUMNS": "200"}
    return CliRunner().invoke(app, ["fit", "--live", *map(str, line)], env=environment)


def stored(fleet: Fleet) -> Any:
    return fleet.service.call("GET", f"/v1/fleets/{fleet.name}")


def test_curves_are_proposed_in_the_unit_of_the_samples(measured: Fleet, tmp_path: Path) -> None:
    before = stored(measured)
    told = called(measured, "--json", tmp_path / "out.json", "--propose", tmp_path / "fleet.yaml")
    assert told.exit_code == 0, told.output
    assert "fast: 3 pools, 30 samples, measured up to level 6 of 12" in told.stdout
    assert "\nworth it: unshortened they gain " in told.stdout
    data = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert (data["is_worth_it"], data["gain"]["whole"] > 0.05, data["factor"] > 10) == (True, True, True)
    slow, fast = (data["classes"][name]["proposed"] for name in CLASSES)
    assert fast[5] - fast[4] > 1.5 * (slow[5] - slow[4])
    assert stored(measured) == before
    written = load_yaml(tmp_path / "fleet.yaml").file
    assert (written.utility_unit, [entry.curve for entry in written.classes]) == ("frames/s", [None] * 2)
    assert [float(value) for value in written.classes[1].utility.values[1:]] == pytest.approx(fast, rel=1e-5)  # type: ignore[union-attr]


def test_curves_are_applied_once_and_not_again_within_a_day(measured: Fleet) -> None:
    first = called(measured, "--apply", *NO_WAIT)
    assert first.exit_code == 0, first.output
    assert "-  utility: {kind: weighted_least_connections, weight: 1}" in first.stderr
    assert f"applied: version {stored(measured)['config_version']}" in first.stderr
    assert [one["utility"]["kind"] for one in stored(measured)["classes"]] == ["table"] * 2
    assert measured.call("GET", "events")["events"][0]["action"] == "put_fleet"
    measured.assign(*(f"c-{k}" for k in range(6)))
    active = {one["name"]: one["sessions"]["active"] for one in measured.call("GET", "state")["classes"]}
    assert active == {"slow": 18, "fast": 24}
    again = called(measured, "--apply", "--yes")
    assert "stated curves are multiplied" not in again.stdout
    assert (again.exit_code, again.stderr) == (
        0,
        "nothing was applied: the last change of the fleet is not old enough\n",
    )


def test_the_samples_of_a_class_that_has_become_twice_as_good_are_dropped(measured: Fleet, tmp_path: Path) -> None:
    state, figures = tmp_path / "state.json", tmp_path / "out.json"
    assert "changed" not in called(measured, "--state", state).output
    twice_as_good(measured, "fast")
    told = called(measured, "--state", state, "--json", figures)
    words = " ".join(told.stderr.split())
    assert "fast has changed: its newest samples are 2 times the older ones; all are dropped" in words
    data = json.loads(figures.read_text(encoding="utf-8"))["classes"]
    assert [data[name]["changed_by"] for name in CLASSES] == [None, pytest.approx(2)]
    assert (data["fast"]["levels"], data["fast"]["lacks"]) == ([], "0 of 30 samples")
    assert [one["level"] for one in data["slow"]["levels"]] == [2, 3, 4, 5, 6]
    called(measured, "--state", state, "--json", figures)
    again = json.loads(figures.read_text(encoding="utf-8"))["classes"]["fast"]
    assert (again["changed_by"], again["levels"]) == (None, [])


def test_a_state_of_other_classes_has_nothing_to_compare_with(measured: Fleet, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    called(measured, "--state", state)
    state.write_text(state.read_text().replace('"fast":12', '"fast":11'))
    twice_as_good(measured, "fast")
    assert "has changed" not in called(measured, "--state", state).output


@pytest.mark.parametrize(
    ("text", "message"),
    [("{}", "was not written by `slta fit --live`"), ('[{"fleet": "other"}, {}]', "belongs to the fleet other")],
)
def test_a_state_file_of_something_else_is_refused_and_kept(
    weighted: Fleet, tmp_path: Path, text: str, message: str
) -> None:
    state = tmp_path / "state.json"
    state.write_text(text)
    told = called(weighted, "--state", state)
    assert (told.exit_code, state.read_text()) == (2, text)
    assert message in " ".join(told.output.split())


def test_an_apply_of_the_file_of_the_weights_keeps_curves_and_unit(measured: Fleet, tmp_path: Path) -> None:
    file = tmp_path / "weights.json"
    file.write_text(json.dumps({"classes": [one | {"curve": "learned"} for one in stored(measured)["classes"]]}))
    called(measured, "--apply", *NO_WAIT)
    learned = stored(measured)
    line = ["fleet", "apply", str(file), "--fleet", measured.name, "--yes", "--url", measured.service.url]
    told = CliRunner().invoke(app, line)
    now = stored(measured)
    assert [now[name] for name in ("utility_unit", "classes")] == [
        learned[name] for name in ("utility_unit", "classes")
    ]
    assert "utility" not in told.stderr


def test_without_samples_nothing_is_worth_it(weighted: Fleet, tmp_path: Path) -> None:
    before = stored(weighted)
    told = called(weighted, "--apply", *NO_WAIT, "--propose", tmp_path / "fleet.yaml")
    assert "slow: 3 pools, 0 samples, not measured: 0 of 30 samples" in told.stdout
    assert told.exit_code == 0
    assert told.stderr.endswith("nothing was applied: it is not worth it\n")
    assert stored(weighted) == before
    written = load_yaml(tmp_path / "fleet.yaml").file
    assert (written.utility_unit, [entry.utility.kind for entry in written.classes]) == (None, [WEIGHT["kind"]] * 2)


@pytest.mark.parametrize(("in_unit", "kinds"), [(True, ["linear", "table"]), (False, ["table", "table"])])
def test_a_curve_that_is_not_measured_keeps_its_form_in_the_unit(*, in_unit: bool, kinds: list[str]) -> None:
    fleet = FleetFile.read({"classes": [{"name": name, "capacity": 9, "utility": LINE} for name in ("new", "known")]})
    samples = [LevelSamples(level=x, samples=90, pools=3, sum=180.0 * x, sum_squares=361.0 * x * x) for x in (3, 4)]
    classes = [Quality("new", 1, np.ones(9), []), Quality("known", 3, np.ones(9), samples)]
    made = _proposed(fleet, propose(classes, 12, in_unit=in_unit), "frames/s")
    assert [entry.utility.kind for entry in made.classes] == kinds
    assert made.utility_unit == "frames/s"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--live"], "the fleet measures no quality"),
        (["--live", "--weights", "a=1"], "or --live with --fleet"),
        (["--live", "--capacity", "5"], "Invalid value for --capacity: has no effect with --live"),
    ],
)
def test_what_cannot_be_done_is_said_and_ends_with_2(fleet: Fleet, words: list[str], message: str) -> None:
    told = called(fleet, *words)
    assert told.exit_code == 2
    assert message in " ".join(told.output.replace("│", " ").split())
