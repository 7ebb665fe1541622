"""docs/fleet-file.md lists the fields and curves of a fleet file with their defaults and ranges."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

import pytest
import yaml

from slta.core.fleet import RESERVE
from slta.core.limits import MAX_RESERVE, MAX_RESERVE_FOR_PRIORITY, MAX_SESSION_TYPES, MAX_TYPE_CELLS
from slta.core.policies import POLICIES
from slta.core.policies.auto import AUTO
from slta.fleet_file import FleetFile
from slta.fleet_file.curves import Curve
from slta.models.errors import InvalidFleetError
from slta.parsing.fields import MAX_LEASE_SECONDS, MAX_RETENTION_SECONDS, MIN_LEASE_SECONDS, UNIT_RULE
from tests.docs.pages import ROOT, Page, rows, words
from tests.docs.tiny import FILE
from tests.inventory import each

PAGE = Page(ROOT / "docs/fleet-file.md")
CURVES = rows(PAGE.section("Curves"))
FIELDS = rows(PAGE.text)[: -len(CURVES)]


def fleet_file(**fields: Any) -> FleetFile:
    one = [{"name": "c", "utility": {"kind": "linear", "slope": 1}, "capacity": 5}]
    return FleetFile.read({"classes": one, **fields})


def test_the_fleet_of_the_page_is_the_one_that_the_other_examples_use() -> None:
    first, *_ = PAGE.blocks("yaml")
    assert yaml.safe_load(first) == FILE


def test_each_way_to_give_pools_and_addresses_is_taken() -> None:
    _, *ways, _types = (yaml.safe_load(block) for block in PAGE.blocks("yaml"))
    linear = {"name": "c", "capacity": 1, "utility": {"kind": "linear", "slope": 1}}
    pools = [[*FleetFile.read({"classes": [linear | way]}).wanted_pools()] for way in ways]
    assert [(len(of_way), of_way[0].address) for of_way in pools] == [(12, "10.0.0.1:8080"), (2, "10.0.1.7:8080")]


def test_the_optional_fields_have_the_defaults_of_the_table() -> None:
    omitted = {"order": {"kind": "paper"}, "gone_seconds": 120, "forget_seconds": 86_400, "session_types": {}}
    omitted |= {"utility_unit": None, "reserve": RESERVE, "reserve_for_priority": 0}
    defaults = json.loads(fleet_file().document()) | omitted
    del defaults["classes"]
    assert {words(field)[0]: yaml.safe_load(words(default)[0]) for field, default, *_ in FIELDS} == defaults
    assert fleet_file(order={"kind": "paper"}) == fleet_file()
    assert fleet_file().classes[0].pools == 0


def test_the_ranges_of_the_table_are_those_of_a_file() -> None:
    policy, beta, lease, retention, gone, forget, _, types, reserve, for_priority, unit = (cells[2] for cells in FIELDS)
    assert words(policy) == [*POLICIES, AUTO]
    assert beta == "`{exponent: γ}`, 0 ≤ γ ≤ 1, or `{fixed: β}`, 0 < β ≤ 1"
    assert lease == f"0 for no end, or {MIN_LEASE_SECONDS} to {MAX_LEASE_SECONDS} (ten years)"
    assert retention == f"1 to {MAX_RETENTION_SECONDS} (a week)"
    assert gone == retention
    assert forget == f"0 for never, to {MAX_LEASE_SECONDS} (ten years)"
    assert types.startswith(f"up to {MAX_SESSION_TYPES - 1} names")
    assert types.endswith(f"≤ {MAX_TYPE_CELLS}")
    assert reserve == f"0 for none, to {MAX_RESERVE}"
    assert for_priority == f"0 for none, to {MAX_RESERVE_FOR_PRIORITY}"
    assert unit == UNIT_RULE
    for accepted in ({"exponent": 0}, {"exponent": 1}, {"fixed": 1}):
        assert fleet_file(beta=accepted)
    assert fleet_file(retention_seconds=1)
    for beyond in ({"exponent": -1}, {"exponent": 2}, {"fixed": 0}, {"fixed": 2}):
        with pytest.raises(InvalidFleetError):
            fleet_file(beta=beyond)
    with pytest.raises(InvalidFleetError):
        fleet_file(retention_seconds=0)
    assert fleet_file(gone_seconds=1, forget_seconds=0)
    with pytest.raises(InvalidFleetError):
        fleet_file(gone_seconds=0)


def refused(reserve: int, places: int = 240, load: float = 1.2, high: float = 0.3) -> tuple[float, float]:
    """Percent of the high and of the low sessions, by the chain of the sessions present."""
    weights = [1.0]
    for present in range(1, places + 1):
        share = 1.0 if places - present + 1 > reserve else high
        weights.append(weights[-1] * load * places * share / present)
    return 100 * weights[-1] / sum(weights), 100 * sum(weights[-1 - reserve :]) / sum(weights)


def test_what_places_for_priority_do_follows_from_the_chain() -> None:
    assert f"{refused(0)[0]:.0f} % of the sessions are refused" in PAGE.text.replace("\n", " ")
    high, low = refused(5)
    assert f"with 5 places kept {high:.2f} % of the high ones and {low:.0f} % of the low" in PAGE.text.replace(
        "\n", " "
    )


def test_the_session_types_of_the_page_and_of_the_example_are_taken() -> None:
    *_, types = (yaml.safe_load(block) for block in PAGE.blocks("yaml"))
    names = [c["name"] for c in FILE["classes"]]
    classes = [{"name": name, "utility": {"kind": "linear", "slope": 1}, "capacity": 5} for name in names]
    assert fleet_file(classes=classes, **types).to_spec().type_names == ("default", "video", "chat")
    whole = yaml.safe_load((ROOT / "examples/session-types.yaml").read_text(encoding="utf-8"))
    assert FleetFile.read(whole).to_spec().type_names == ("default", "chat", "document", "video")


def test_the_table_of_curves_has_every_kind_with_its_fields() -> None:
    union, _ = get_args(Curve)
    kinds = {
        get_args(kind.model_fields["kind"].annotation)[0]: set(kind.model_fields) - {"kind"} for kind in get_args(union)
    }
    table = {}
    for curve, *_ in CURVES:
        name, fields = re.fullmatch(r"`(\w+) \{(.*)\}`", curve).groups()
        table[name] = {field.partition(":")[0] for field in fields.split(", ")}
    assert table == kinds


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
