"""docs/fleet-file.md shows fleet files that are taken, and figures that follow."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from slta.core.limits import MAX_LEVELS, MAX_POOLS, MAX_SESSION_TYPES, MAX_TYPE_CELLS
from slta.core.policies import POLICIES
from slta.core.policies.auto import AUTO
from slta.core.policies.tokens import EXPONENT
from slta.fleet_file import FleetFile
from slta.models.errors import InvalidFleetError
from slta.parsing.fields import MAX_UNIT, MIN_LEASE_SECONDS
from tests.docs.pages import ROOT, Page, words
from tests.docs.tiny import FILE
from tests.inventory import each
from tests.reference.markdown import attribute_docs

PAGE = Page(ROOT / "docs/fleet-file.md")


def fleet_file(**fields: Any) -> FleetFile:
    one = [{"name": "c", "utility": {"kind": "linear", "slope": 1}, "capacity": 5}]
    return FleetFile.read({"classes": one, **fields})


def test_each_way_to_give_pools_and_addresses_is_taken() -> None:
    _, *ways, _types, _scale = (yaml.safe_load(block) for block in PAGE.blocks("yaml"))
    linear = {"name": "c", "capacity": 1, "utility": {"kind": "linear", "slope": 1}}
    pools = [[*FleetFile.read({"classes": [linear | way]}).wanted_pools()] for way in ways]
    assert [(len(of_way), of_way[0].address) for of_way in pools] == [(12, "10.0.0.1:8080"), (2, "10.0.1.7:8080")]


def test_the_numbers_in_the_meaning_of_a_field_are_the_limits() -> None:
    docs = attribute_docs(FleetFile)
    assert words(docs["policy"]) == [*POLICIES, AUTO]
    assert f"add up to at most {MAX_LEVELS:,}, pools to {MAX_POOLS:,}" in docs["classes"]
    assert (
        f"up to {MAX_SESSION_TYPES - 1}, with `default` times classes at most {MAX_TYPE_CELLS}" in docs["session_types"]
    )
    assert f"at least {MIN_LEASE_SECONDS}; 0" in docs["lease_seconds"]
    assert f"up to {MAX_UNIT} printable" in docs["utility_unit"]
    assert f"{{exponent: {float(EXPONENT)}}}" in docs["beta"]
    assert fleet_file(order={"kind": "paper"}) == fleet_file()


@each("beyond", [{"exponent": -1}, {"exponent": 2}, {"fixed": 0}, {"fixed": 2}])
def test_a_beta_beyond_its_range_is_refused(beyond: dict[str, Any]) -> None:
    with pytest.raises(InvalidFleetError):
        fleet_file(beta=beyond)


def refused(reserve: int, places: int = 240, load: float = 1.2, high: float = 0.3) -> tuple[float, float]:
    """Percent of the high and of the low sessions, by the chain of the sessions present."""
    weights = [1.0]
    for present in range(1, places + 1):
        share = 1.0 if places - present + 1 > reserve else high
        weights.append(weights[-1] * load * places * share / present)
    return 100 * weights[-1] / sum(weights), 100 * sum(weights[-1 - reserve :]) / sum(weights)


def test_what_places_for_priority_do_follows_from_the_chain() -> None:
    text = " ".join(PAGE.prose.split())
    assert f"{refused(0)[0]:.0f} % of the sessions are refused" in text
    high, low = refused(5)
    assert f"with 5 places kept {high:.2f} % of the high ones and {low:.0f} % of the low" in text


def test_the_session_types_and_the_scale_of_the_page_and_of_the_example_are_taken() -> None:
    *_, types, scale = (yaml.safe_load(block) for block in PAGE.blocks("yaml"))
    names = [c["name"] for c in FILE["classes"]]
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
