"""`slta fit --weights` places as the weights do, and says with `slta check` what is assumed."""

from __future__ import annotations

from pathlib import Path

import pytest

from slta.core.optimum import optimal_assignment, optimum
from slta.fleet_file import compile_spec, load_yaml
from slta_experiments.fleets import FleetShape
from slta_planning.check import command as checking
from slta_planning.fit.command import app
from tests.planning.commands import called, shown

SIZES = ("--capacity", "large=90", "--capacity", "40", "--pools", "small=4", "--pools", "large=3")


def test_sessions_are_shared_as_by_the_weights_at_any_load(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.yaml"
    assert called(app, "--weights", "small=1,large=2.5", *SIZES, "--yaml", fleet).exit_code == 0
    spec = compile_spec(load_yaml(fleet).file)
    assert [c.capacity for c in spec.classes] == [40, 90]
    shape = FleetShape("weighted", tuple(spec.classes), (4, 3))
    for sessions in range(1, 400, 7):
        ours, weighted = (
            [sum(column[1:]) / column[0] for column in optimal_assignment(ranking, shape.shares, best)]
            for ranking in (shape.ranking, shape.weighted((1, 2.5)))
            if (best := optimum(ranking, shape.shares, sessions))
        )
        assert ours == pytest.approx(weighted, abs=1), sessions


def test_what_is_assumed_is_said_in_the_file_and_by_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = called(app, "--weights", "small=1,large=2.5", *SIZES).stdout
    assert printed.startswith("# Weights small 1, large 2.5: sessions are shared as by these, at any load.\n# Their sh")
    (tmp_path / "fleet.yaml").write_text(printed, encoding="utf-8")
    monkeypatch.setattr(checking, "find_spec", lambda _: None)
    told = shown(called(checking.app, tmp_path / "fleet.yaml", "--strict"))
    assert "sessions are shared as by weights small 1, large 2.5 Their shape, 2 √(weight x), is assumed" in told
    (tmp_path / "fleet.yaml").write_text(printed.replace("alpha: 0.5", "alpha: 0.4", 1), encoding="utf-8")
    assert "Their shape" not in called(checking.app, tmp_path / "fleet.yaml").output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["small=1,large=-1", "--capacity", "9"], "--weights: '-1' is not a positive number"),
        (["small=1e999999999", "--capacity", "9"], "classes[0].utility.resource: must be 0 or between 1e-12 and 1e13"),
        (["=1", "--capacity", "9"], "classes[0].name: must be a name"),
        (["small=one", "--capacity", "9"], "--weights: 'one' is not a positive number"),
        (["small=1,small=2", "--capacity", "9"], "--weights: small is there twice"),
        (["small", "--capacity", "9"], "--weights: 'small' is not like small=1"),
        (["small=1,large=2", "--capacity", "small=9"], "--weights: large needs a capacity, such as --capacity large="),
        (["small=1", "--prometheus", "http://localhost:1"], "give a CSV file of samples, --prometheus"),
        (["small=1", "--capacity", "9", "--curve", "linear"], "for --curve: has no effect with --weights"),
        (["small=1", "--capacity", "9", "--apply"], "for --apply: has no effect with --weights"),
    ],
)
def test_a_mistake_is_said_and_ends_with_2(options: list[str], message: str) -> None:
    result = called(app, "--weights", *options)
    assert result.exit_code == 2
    assert message in shown(result)
