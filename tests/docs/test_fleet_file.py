"""docs/fleet-file.md shows fleet files that are taken."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from slta.fleet_file import FleetFile
from slta.models.errors import InvalidFleetError
from testbed.in_process import TINY
from tests.docs.pages import ROOT, Page
from tests.inventory import each

PAGE = Page(ROOT / "docs/fleet-file.md")


def fleet_file(**fields: Any) -> FleetFile:
    one = [{"name": "c", "utility": {"kind": "linear", "slope": 1}, "capacity": 5}]
    return FleetFile.read({"classes": one, **fields})


def test_each_way_to_give_pools_and_addresses_is_taken() -> None:
    _, *ways, _types, _scale = (yaml.safe_load(block) for block in PAGE.blocks("yaml"))
    linear = {"name": "c", "capacity": 1, "utility": {"kind": "linear", "slope": 1}}
    pools = [[*FleetFile.read({"classes": [linear | way]}).wanted_pools()] for way in ways]
    assert [(len(of_way), of_way[0].address) for of_way in pools] == [(12, "10.0.0.1:8080"), (2, "10.0.1.7:8080")]


@each("name", ["README", "docs/concepts", "docs/fleet-file"])
def test_the_first_fleet_of_a_page_is_the_one_that_the_other_examples_use(name: str) -> None:
    first, *_ = Page(ROOT / f"{name}.md").blocks("yaml")
    assert yaml.safe_load(first) == {"fleet": "tiny", **TINY}


@each("beyond", [{"exponent": -1}, {"exponent": 2}, {"fixed": 0}, {"fixed": 2}])
def test_a_beta_beyond_its_range_is_refused(beyond: dict[str, Any]) -> None:
    with pytest.raises(InvalidFleetError):
        fleet_file(beta=beyond)


def test_the_session_types_and_the_scale_of_the_page_and_of_the_example_are_taken() -> None:
    *_, types, scale = (yaml.safe_load(block) for block in PAGE.blocks("yaml"))
    names = [c["name"] for c in TINY["classes"]]
    classes = [{"name": name, "utility": {"kind": "linear", "slope": 1}, "capacity": 5} for name in names]
    assert fleet_file(classes=classes, **types, **scale).to_spec().type_names == ("default", "video", "chat")
    whole = yaml.safe_load((ROOT / "examples/session-types.yaml").read_text(encoding="utf-8"))
    assert FleetFile.read(whole).to_spec().type_names == ("default", "chat", "document", "video")


@each(
    ("curve", "capacity", "concave"),
    [
        ({"kind": "capped_linear", "slope": -1, "cap": 5}, 5, True),
        ({"kind": "capped_linear", "slope": -1, "cap": 4}, 5, False),
        ({"kind": "quadratic", "linear": 1, "quadratic": 1}, 1, True),
        ({"kind": "quadratic", "linear": 1, "quadratic": 1}, 2, False),
    ],
)
def test_a_sign_outside_of_a_curves_range_passes_where_the_curve_is_concave(
    curve: dict[str, Any], capacity: int, *, concave: bool
) -> None:
    file = FleetFile.read({"classes": [{"name": "c", "utility": curve, "capacity": capacity}]})
    if concave:
        assert file.to_spec()
    else:
        with pytest.raises(InvalidFleetError):
            file.to_spec()
