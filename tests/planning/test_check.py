"""`slta check` says what is wrong with a fleet file, or what follows from it."""

from __future__ import annotations

import json
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from slta.core.fleet import FleetSpec
from slta.core.orders import Index
from slta.core.policies import PLACING, POLICIES, Occupancies
from slta.core.ranking import Coordinate
from slta.core.utility import PoolClass, TableUtility
from slta.fleet_file import compile_spec, load_yaml
from slta_experiments.fleets import FleetShape
from slta_planning.check import command as checking
from slta_planning.check.command import app
from slta_planning.check.facts import facts_of
from slta_planning.check.trial import Trial, _choice, advice
from slta_planning.simulation import Measured, order_of
from tests.docs.pages import ROOT
from tests.planning.commands import called, figures_of, prose, shown
from tests.planning.recorded import FLEET

TIED = """\
classes:
  - {name: first, utility: {kind: table, values: [0, 3, 5, 6]}, capacity: 3, pools: 2}
  - {name: second, utility: {kind: table, values: [0, 4, 6, 7]}, capacity: 3, pools: 3}
"""
WEIGHTS = """\
classes:
  - {name: small, utility: {kind: weighted_least_connections, weight: 10}, capacity: 6, pools: 4}
  - {name: large, utility: {kind: weighted_least_connections, weight: 20}, capacity: 12, pools: 2}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "fleet.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def check(path: Path, *options: str) -> Result:
    return called(app, path, *options)


@pytest.fixture
def without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra is not installed: and quick."""
    monkeypatch.setattr(checking, "find_spec", lambda name: None if name == "numpy" else object())


def spec_of(folder: Path, text: str) -> FleetSpec:
    return compile_spec(load_yaml(write(folder, text)).file)


def test_the_optimum_at_a_load_is_where_jlmu_ends_that_only_fills(tmp_path: Path) -> None:
    spec, pools = spec_of(tmp_path, FLEET), [6, 3, 3]
    facts = facts_of(spec, pools, [100.0])
    filled = POLICIES["jlmu"].specification(Occupancies(spec.ranking, [[0] * count for count in pools]), spec.beta)
    for _ in range(100):
        filled.assign(0.0)
    means = [sum(x or 0 for x in column) / len(column) for column in filled.occupancies.columns]
    (at,) = facts.loads
    assert at.occupancies == pytest.approx(means)
    assert (at.thresholds, at.price) == ((1, 10, 20), 1)
    assert facts.capacity == 6 * 60 + 3 * 40 + 3 * 40
    assert facts.useful == 6 * 60 + 3 * 20 + 3 * 20
    assert facts.green_enough == 4


def test_the_order_is_told_in_stretches(tmp_path: Path) -> None:
    order = facts_of(spec_of(tmp_path, FLEET), [6, 3, 3], []).order
    found = [(s.rank, s.pool_class, s.first, s.last) for s in order[:4]]
    assert found == [(1, 1, 1, 5), (6, 2, 1, 20), (26, 1, 6, 10), (31, 0, 1, 60)]
    assert sum(s.last - s.first + 1 for s in order) == 140


def test_ties_between_classes_are_told_up_to_the_largest_load(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, TIED)
    ties = facts_of(spec, [2, 3], [15.0]).ties
    assert [(tie.marginal, tie.coordinates) for tie in ties] == [
        (2.0, (Coordinate(0, 2), Coordinate(1, 2))),
        (1.0, (Coordinate(0, 3), Coordinate(1, 3))),
    ]
    assert len(facts_of(spec, [2, 3], [8.0]).ties) == 1
    assert not facts_of(spec, [2, 3], [3.0]).ties


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.stem)
@pytest.mark.usefixtures("without_numpy")
def test_the_examples_have_no_warnings(path: Path) -> None:
    result = check(path, "--strict")
    assert result.exit_code == 0
    assert "warning" not in result.output


@pytest.mark.parametrize(
    ("text", "options", "warning"),
    [
        (TIED.replace(", pools: 2", "").replace(", pools: 3", ""), [], "no class has pools"),
        (TIED.replace(", pools: 2", ""), [], "first: no pools"),
        (TIED.replace("pools: 2", "pools: 0").replace("pools: 3", "pools: 1"), [], "there is a single pool"),
        (TIED.replace("[0, 3, 5, 6]", "[0, -1, -2, -3]"), [], "first: no session adds anything there"),
        (WEIGHTS, [], "no session adds anything: gaps only say how well the weights are kept"),
        (TIED, ["--sessions", "16"], "a load of 16 is more than the 15 sessions that find a place"),
        (TIED + "beta: {exponent: 0.5}\n", [], "beta: the paper proves its results for exponents below 0.5"),
        (TIED + "policy: jlmu\nreserve_for_priority: 15\n", [], "reserve_for_priority: not below the 15 places"),
        (TIED + "beta: {fixed: 1}\n", [], "beta: r falls only with as many green tokens as pools"),
    ],
)
@pytest.mark.usefixtures("without_numpy")
def test_warnings_are_mistakes_where_that_is_asked(tmp_path: Path, text: str, options: list[str], warning: str) -> None:
    path = write(tmp_path, text)
    relaxed, strict = check(path, *options), check(path, *options, "--strict")
    assert (relaxed.exit_code, strict.exit_code) == (0, 1)
    assert f"warning: {warning}" in relaxed.output


def test_a_file_with_mistakes_is_not_valid_and_each_has_its_place(tmp_path: Path) -> None:
    path = write(tmp_path, TIED.replace("pools: 2", "pool: 2").replace("capacity: 3, pools: 3", "capacity: 0"))
    result = check(path, "--json", str(tmp_path / "out.json"))
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"{path}:2:78: classes[0].pool: is not a known field; did you mean pools?",
        f"{path}:3:66: classes[1].capacity: input should be greater than or equal to 1",
        f"{path} is not valid: 2 mistakes",
    ]
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert not written["valid"]
    assert [mistake["place"] for mistake in written["mistakes"]] == [[2, 78], [3, 66]]


@pytest.mark.usefixtures("without_numpy")
def test_a_valid_file_is_named_as_it_was_given(tmp_path: Path) -> None:
    path = write(tmp_path, TIED)
    assert check(path).output.startswith(f"{path} is valid: 2 classes, SLTA")


@pytest.mark.usefixtures("without_numpy")
def test_a_class_has_the_article_of_its_first_letter(tmp_path: Path) -> None:
    [head] = [
        line for line in check(write(tmp_path, TIED.replace("first", "edge"))).output.splitlines() if "r*" in line
    ]
    assert "on an edge" in head
    assert "on a second" in head


def test_an_empty_file_is_not_valid(tmp_path: Path) -> None:
    result = check(write(tmp_path, ""))
    assert (result.exit_code, result.output) == (1, f"{tmp_path}/fleet.yaml: is empty\n")


@pytest.mark.parametrize(
    "options", [["missing.yaml"], ["--sessions", "-1"], ["--load-per-pool", "inf"], ["--load", "1"], []]
)
def test_a_command_that_is_not_called_well_ends_with_2(tmp_path: Path, options: list[str]) -> None:
    path = [] if options in ([], ["missing.yaml"]) else [str(write(tmp_path, TIED))]
    assert called(app, *path, *options).exit_code == 2


@pytest.mark.usefixtures("without_numpy")
def test_without_the_extra_one_sentence_says_that_no_policy_was_tried(tmp_path: Path) -> None:
    result = check(write(tmp_path, TIED))
    assert result.exit_code == 0
    assert result.output.rstrip().endswith(checking.MISSING)


@pytest.mark.parametrize("name", checking.NEEDED)
def test_what_is_needed_is_an_installed_module_and_not_a_folder(name: str) -> None:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None


def figures(path: Path, *options: str) -> Any:
    return figures_of(app, path.parent, path, *options)


@pytest.mark.slow
def test_the_figures_are_written_as_json(tmp_path: Path) -> None:
    data = figures(write(tmp_path, TIED), "--load-per-pool", "1.6", "--sessions", "0")
    assert (data["valid"], data["capacity"], data["useful"]) == (True, 15, 15)
    assert [entry["class"] for entry in data["order"]] == ["second", "first", "first", "second", "first", "second"]
    eight = data["loads"][1]
    assert (eight["rank"], eight["class"], eight["level"], eight["utility"], eight["price"]) == (4, "second", 2, 24, 2)
    assert eight["thresholds"] == {"first": 2, "second": 1}
    assert set(data["policies"]["relative_placement_gap"]) == set(PLACING)
    assert data["policies"]["sessions"] == [8]


def test_the_order_of_the_file_is_the_one_that_is_told(tmp_path: Path) -> None:
    # 3, 2, 1 and 4, 2, 1: at 2 the larger drop is behind the second class, at 1 too where levels weigh alike.
    told = [
        figures(write(tmp_path, order + TIED), "--sessions", "8")["order"] for order in ("", "order: {kind: kink}\n")
    ]
    paper, kinks = ([(entry["class"], entry["level"]) for entry in one] for one in told)
    assert paper[2:4] == [("first", 2), ("second", 2)]
    assert kinks[2:4] == [("second", 2), ("first", 2)]
    assert sorted(paper) == sorted(kinks)
    said = check(tmp_path / "fleet.yaml").output
    assert "of a tie, the place with the nearest kink behind it is filled first" in said


def test_a_policy_with_thresholds_is_tried_in_the_papers_order_where_the_file_has_an_index() -> None:
    curves = [TableUtility(tuple(map(Fraction, values))) for values in ((0, 10, 10, 10), (0, 1, 2, 3))]
    classes = tuple(PoolClass(name, curve, 3) for name, curve in zip("ab", curves, strict=True))
    shape = FleetShape("fleet", classes, (1, 1))
    index = FleetSpec(classes, policy=POLICIES["jlmu"], order=Index(2.0))
    assert order_of(shape, index, "SLTA") == order_of(shape, FleetSpec(classes), "JLMU") == shape.ranking
    assert order_of(shape, index, "JLMU") == shape.arranged(Index(2.0)) != shape.ranking


def test_a_policy_is_named_and_the_reason(tmp_path: Path) -> None:
    result = check(write(tmp_path, FLEET), "--sessions", "120")
    assert max(len(line) for line in prose(result) if "is valid" not in line) <= 80
    told = shown(result)
    assert "take SLTA-greedy (the file says slta), in the order of marginal utility" in told
    assert "what JLMU would win is within 0.05 % or the noise of these runs" in told


@pytest.mark.usefixtures("without_numpy")
def test_with_session_types_they_are_told_and_nothing_is_advised(tmp_path: Path) -> None:
    path = write(tmp_path, TIED + "policy: jlmu\nsession_types: {video: [second]}\n")
    told = check(path).output
    assert [line.split() for line in told.splitlines() if line.startswith(("default ", "video "))] == [
        ["default", "15", "first,", "second"],
        ["video", "9", "second"],
    ]
    assert "no best assignment is shown and no policy was tried" in told
    assert [words for words in ("best assignment at", "tried with", "take ", checking.MISSING) if words in told] == []
    data = figures(path)
    assert data["session_types"] == {"default": ["first", "second"], "video": ["second"]}
    assert (data["loads"], "policies" in data) == ([], False)


@pytest.mark.parametrize(
    ("of_slta", "of_jlmu", "best", "told"),
    [
        (0.02, 0.01, "jlmu", "SLTA 2.00 %, JLMU 1.00 %, and it loses least"),
        (0.0, 0.0, "slta", "SLTA 0.00 %, JLMU 0.00 %, and none loses anything"),
    ],
)
def test_the_reason_is_the_least_loss_if_any(
    tmp_path: Path, of_slta: float, of_jlmu: float, best: str, told: str
) -> None:
    lost = {"slta": (Measured(of_slta, 0.0),), "jlmu": (Measured(of_jlmu, 0.0),)}
    said = advice(spec_of(tmp_path, TIED), Trial(5, (8.0,), lost, best), 5)
    assert " ".join(said.split()).endswith(f"on average {told}")


@pytest.mark.parametrize(
    ("first", "second", "stated", "choice"),
    [
        (Measured(0.0100, 0.0), Measured(0.0050, 0.0), "slta", "jlmu"),
        (Measured(0.0054, 0.0), Measured(0.0050, 0.0), "observe", "slta"),  # within what is no difference
        (Measured(0.0054, 0.0), Measured(0.0050, 0.0), "jlmu", "jlmu"),
        (Measured(0.0100, 0.002), Measured(0.0050, 0.002), "slta", "slta"),  # within the noise
        (Measured(0.0050, 0.0), Measured(0.0100, 0.0), "jlmu", "slta"),
    ],
)
def test_the_stated_policy_or_one_as_good_is_taken(first: Measured, second: Measured, stated: str, choice: str) -> None:
    assert _choice({"slta": (first,), "jlmu": (second,)}, stated) == choice
