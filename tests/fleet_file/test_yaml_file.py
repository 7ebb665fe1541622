"""Fleet files in YAML: what is read, and each mistake with its place."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path

import pytest

from slta.core.policies import POLICIES
from slta.core.utility import TableUtility
from slta.fleet_file import compile_spec, load_yaml
from slta.models.errors import InvalidFleetError

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_valid(path: Path) -> None:
    loaded = load_yaml(path)
    assert loaded.name == loaded.file.fleet
    assert loaded.file.wanted_pools()
    assert len(loaded.digest) == 64


YAML = """
fleet: edge
policy: jlmu
classes:
  - {name: a, capacity: 4, utility: {kind: table, values: [0, 0.1, 2e-1, 0.3, 0.4]}}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "fleet.yaml"
    path.write_text(text)
    return path


def test_yaml_fractions_are_decimals(tmp_path: Path) -> None:
    loaded = load_yaml(write(tmp_path, YAML))
    assert (loaded.name, loaded.file.policy) == ("edge", "jlmu")
    # As floats these would not be concave: 0.4 - 0.3 > 0.3 - 0.2.
    assert loaded.file.to_spec().classes[0].utility == TableUtility(tuple(Fraction(k, 10) for k in range(5)))


def test_the_digest_follows_what_a_file_says_not_how_it_looks(tmp_path: Path) -> None:
    digest = load_yaml(write(tmp_path, YAML)).digest
    assert load_yaml(write(tmp_path, "# a comment\n" + YAML.replace("2e-1", "0.20"))).digest == digest
    assert load_yaml(write(tmp_path, YAML.replace("0.4]", "0.35]"))).digest != digest
    assert load_yaml(write(tmp_path, YAML.replace("edge", "core"))).digest != digest


def test_a_file_without_a_name_is_the_default_fleet(tmp_path: Path) -> None:
    assert load_yaml(write(tmp_path, YAML.replace("fleet: edge", ""))).name == "default"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("classes: [", "not valid YAML"),
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("- 1", "must be a mapping with the field classes"),
        (YAML.replace("policy: jlmu", "policy: [jlmu"), r"line \d+, column \d+: not valid YAML: "),
        (YAML + "policy: slta\n", "duplicate key"),
        (YAML.replace("2e-1", ".nan"), r"values\[2\]: must be finite"),
        (YAML.replace("2e-1", "-.inf"), r"values\[2\]: must be finite"),
        (YAML.replace("2e-1", "1e999"), r"values\[2\]: must be 0 or between"),
        (YAML.replace("2e-1", "9.9e+99999999999999999999"), "not a decimal number"),
        (YAML.replace("2e-1", "0.0"), "not concave"),
        (YAML.replace("fleet: edge", "fleet: 'a/b'"), "fleet: must be a name"),
        (YAML.replace("jlmu", "random"), "policy: must be one of slta, jlmu, slta-greedy"),
        (YAML.replace("jlmu", "[slta]"), "policy: input should be a valid string"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML"),
        ("a: " + "[" * 3000, "not valid YAML"),
        ("? [a]\n: 1", "unhashable key"),
        (YAML.replace("edge", "2001-99-99"), r"line \d+, column \d+: not valid YAML: value does not match its YAML"),
        (YAML.replace("jlmu", "!!bool jlmu"), "value does not match its YAML type"),
        (YAML.replace("jlmu", "!!timestamp jlmu"), "value does not match its YAML type"),
        (YAML.replace("2e-1", "9" * 5000), "value does not match its YAML type"),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_why(tmp_path: Path, text: str, reason: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InvalidFleetError, match=reason) as caught:
        load_yaml(path)
    assert str(caught.value).startswith(str(path))


KINDS = "'log_share', 'alpha_fair', 'linear', 'quadratic', 'capped_linear', 'weighted_least_connections', 'table'"
MISTAKEN = """\
fleet: x
retention_second: 5
classes:
  - name: a
    utility: {kind: log_share, resorce: 20}
    capacity: 10
  - {name: b, utility: {kind: cubic}, capacity: 0, colour: red}
beta: {exponnt: 0.4}
"""


def test_every_mistake_is_named_with_its_place_and_in_their_order(tmp_path: Path) -> None:
    path = write(tmp_path, MISTAKEN)
    with pytest.raises(InvalidFleetError) as caught:
        load_yaml(path)
    assert [str(mistake) for mistake in caught.value.mistakes] == [
        "line 2, column 1: retention_second: is not a known field; did you mean retention_seconds?",
        "line 5, column 5: classes[0].utility.resource: field required",
        "line 5, column 32: classes[0].utility.resorce: is not a known field; did you mean resource?",
        f"line 7, column 15: classes[1].utility: kind must be one of {KINDS}",
        "line 7, column 39: classes[1].capacity: input should be greater than or equal to 1",
        "line 7, column 52: classes[1].colour: is not a known field",
        "line 8, column 8: beta.exponnt: is not a known field; did you mean exponent?",
    ]
    assert str(caught.value) == f"{path}: {'; '.join(map(str, caught.value.mistakes))}"


HIDDEN = """\
policy: stla
classes:
  - {name: a, utility: {kind: table, values: [0, 1, 5]}, capacity: 2}
  - {name: b, utility: {kind: table, values: [0, 3, 9]}, capacity: 3, pools: -1, address: x}
  - {nme: c, utility: {kind: quadratic, linear: 1, quadratic: 2}, capacity: 0}
  - 7
order: {kind: kink, load_per_pool: 5}
session_types: {video: [d]}
"""
FURTHER = {
    *("policy", "classes[0].utility", "classes[1]", "classes[1].pools", "classes[1].utility", "classes[2].nme"),
    *("classes[2].name", "classes[2].utility", "classes[2].capacity", "classes[3]", "order.load_per_pool"),
}


def test_mistakes_behind_others_are_found_in_the_same_pass(tmp_path: Path) -> None:
    with pytest.raises(InvalidFleetError) as caught:
        load_yaml(write(tmp_path, HIDDEN))
    assert {mistake.field for mistake in caught.value.mistakes} == FURTHER


TYPED = """\
policy: jlmu
session_types:
  llm: [gpx, no]
  web: [cpu, gpu, cpu]
  default: []
  idle: []
classes:
  - {name: cpu, utility: {kind: linear, slope: 1}, capacity: 6}
  - {name: gpu, utility: {kind: linear, slope: 1}, capacity: 6}
"""


def mistakes_in(folder: Path, text: str) -> list[str]:
    with pytest.raises(InvalidFleetError) as caught:
        load_yaml(write(folder, text))
    return [str(mistake) for mistake in caught.value.mistakes]


def test_each_mistake_of_a_session_type_is_named_with_its_place(tmp_path: Path) -> None:
    assert mistakes_in(tmp_path, TYPED.replace(", no", "")) == [
        "line 3, column 9: session_types.llm[0]: there is no class gpx; did you mean gpu?",
        "line 4, column 19: session_types.web[2]: must have different classes, and cpu is there twice",
        "line 5, column 3: session_types.default: always exists, with all classes: omit it",
        "line 6, column 3: session_types.idle: must have at least one class",
    ]
    types = "".join(f"  t{k}: [cpu]\n" for k in range(15))
    classes = "".join(f"  - {{name: c{k}, utility: {{kind: linear, slope: 1}}, capacity: 6}}\n" for k in range(15))
    head, _, _ = TYPED.partition("  llm")
    assert mistakes_in(tmp_path, f"{head}{types}{TYPED[TYPED.index('classes') :]}{classes}") == [
        "line 2, column 1: session_types: with default, times classes must be at most 256"
    ]


def test_a_name_that_yaml_takes_for_something_else_says_so(tmp_path: Path) -> None:
    [found] = mistakes_in(tmp_path, TYPED)
    assert found.startswith("line 3, column 14: session_types.llm[1]: input should be a valid string; no is a boolean")
    for name, kind in (("yes", "a boolean"), ("10", "a number"), ("1.5", "a number"), ("~", "null")):
        assert mistakes_in(tmp_path, TYPED.replace("idle", name)) == [
            f"line 6, column 3: not valid YAML: a name must be text, and {name} is {kind} in YAML: put it in quotes"
        ]
    quoted = TYPED.replace("idle: []", "'yes': [cpu]").replace("[gpx, no]", "[gpu]").replace(", cpu]", "]")
    assert "yes" in load_yaml(write(tmp_path, quoted.replace("  default: []\n", ""))).file.session_types


def test_the_policy_and_each_curve_that_is_not_concave_are_named_together(tmp_path: Path) -> None:
    convex = "{name: %s, capacity: 2, utility: {kind: table, values: [0, 1, 3]}}"
    path = write(tmp_path, f"policy: best\nclasses:\n  - {convex % 'a'}\n  - {convex % 'b'}\n")
    with pytest.raises(InvalidFleetError) as caught:
        load_yaml(path)
    found = {mistake.field: mistake.place for mistake in caught.value.mistakes}
    assert found == {"policy": (1, 1), "classes[0].utility": (3, 28), "classes[1].utility": (4, 28)}


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidFleetError, match="No such file"):
        load_yaml(tmp_path / "missing.yaml")


def test_the_policy_is_a_row_of_the_table_that_is_given(tmp_path: Path) -> None:
    table = {**POLICIES, "third": dataclasses.replace(POLICIES["jlmu"], name="third")}
    file = load_yaml(write(tmp_path, YAML.replace("jlmu", "third")), table).file
    assert file.policy == "third"
    assert file.to_spec(table).policy is table["third"]
    assert compile_spec(file, table).policy is table["third"]
