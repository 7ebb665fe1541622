"""Settings of scale advice in a fleet file."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from slta.core.scaling.settings import ClassScale, Floor, Scale
from slta.fleet_file import FleetFile, parse_document
from slta.models.errors import InvalidFleetError

COSTS = {"a": {"cost": 1}, "b": {"cost": Decimal("2.5"), "lead_seconds": 90, "min": 2, "max": 40}}


def with_scale(**scale: Any) -> FleetFile:
    curves = {"a": 4, "b": 1}
    classes = [
        {"name": name, "capacity": 2, "utility": {"kind": "linear", "slope": slope}} for name, slope in curves.items()
    ]
    return FleetFile.read({"policy": "jlmu", "classes": classes, "session_types": {"t": ["b"]}, "scale": scale})


def test_classes_have_the_limits_that_the_file_states_and_four_hours_are_kept_for_an_open_hold() -> None:
    scale = with_scale(budget=40, classes=COSTS).to_spec().scale
    assert scale == Scale((ClassScale(1.0, 60.0, 0, None), ClassScale(2.5, 90.0, 2, 40)), budget=40.0)
    assert (scale.window_seconds, scale.hold(60.0), scale.hold(7200.0), scale.hold(1e9)) == (14_400, 900, 7200, 14_310)


def test_a_hold_is_kept_with_the_longest_lead() -> None:
    scale = with_scale(budget=40, hold_seconds=600, classes=COSTS).to_spec().scale
    assert scale is not None
    assert (scale.window_seconds, scale.hold(7200.0)) == (690, 600)
    at_once = Scale((ClassScale(1.0, 0.0),), budget=1.0, hold_seconds=0.0)
    assert at_once.window_seconds == 1  # of 0 s the store would count no refused ids


@pytest.mark.parametrize(
    ("floor", "expected", "by_type"),
    [("75%", Floor(0.75, is_share=True), (3.0, 0.75)), (Decimal("0.5"), Floor(0.5, is_share=False), (0.5, 0.5))],
)
def test_a_floor_is_a_utility_or_a_share_of_the_most_in_the_classes_of_each_type(
    floor: object, expected: Floor, by_type: tuple[float, ...]
) -> None:
    file = with_scale(floor=floor, classes=COSTS)
    spec = file.to_spec()
    assert spec.scale is not None
    assert spec.scale.floor == expected
    assert spec.floors(expected) == by_type
    assert parse_document(file.document()) == file


@pytest.mark.parametrize(
    ("scale", "reason"),
    [
        ({"classes": COSTS}, "^scale: must have either floor or budget$"),
        ({"floor": 1, "budget": 1, "classes": COSTS}, "^scale: must have either floor or budget$"),
        ({"floor": "0%", "classes": COSTS}, "^scale.floor: must be a number, or a share above 0% and up to 100%"),
        ({"floor": "1", "classes": COSTS}, "^scale.floor: must be a number, or a share"),
        ({"floor": 5, "classes": COSTS}, "^scale.floor: a session adds at most 4 on a pool of these classes, not 5$"),
        ({"budget": 1, "classes": {"a": {"cost": 1}}}, "^scale.classes.b: is missing: every class needs a cost$"),
        ({"budget": 4, "classes": COSTS}, "^scale: budget must pay for the min of all classes, which costs 5.0$"),
        ({"budget": 5, "classes": {**COSTS, "c": {"cost": 1}}}, "^scale.classes.c: is no class of the fleet$"),
        ({"budget": 1, "classes": {**COSTS, "a": {"cost": 1, "min": 2, "max": 1}}}, "a: max must not be below min$"),
        (
            {"budget": 5, "hold_seconds": 14_311, "classes": COSTS},
            "^scale: hold_seconds and the longest lead_seconds must add up to at most 14,400$",
        ),
    ],
)
def test_settings_that_cannot_be_say_why(scale: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidFleetError, match=reason):
        with_scale(**scale).to_spec()
