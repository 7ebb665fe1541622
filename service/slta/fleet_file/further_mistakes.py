"""Mistakes of a fleet file that its validation does not come to, as others end it before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from slta.core.policies import Policy
from slta.fleet_file.schema import FleetFile
from slta.models.errors import InvalidFleetError, Mistake

STAND_INS: Mapping[str, Any] = {"utility": {"kind": "linear", "slope": 1}, "pools": 1}


def further_mistakes(parsed: Any, found: Sequence[Mistake], policies: Mapping[str, Policy]) -> list[Mistake]:  # noqa: ANN401
    """What validation finds in the rest once a valid value stands for each that was `found` mistaken."""
    known, new, rest = {one.location for one in found}, list(found), deepcopy(parsed)
    further = list[Mistake]()
    while new:
        for mistake in new:
            _mend(rest, mistake.location)
        try:
            FleetFile.read(rest).to_spec(policies)
            break
        except InvalidFleetError as error:
            new = [one for one in error.mistakes if one.location not in known]
        known |= {one.location for one in new}
        further += new
    return further


def _mend(rest: dict[str, Any], location: Sequence[int | str]) -> None:
    match location:
        case ("classes", int(i), *inner) if isinstance(rest["classes"][i], dict):
            _mend_class(rest["classes"][i], i, inner)
            if inner[:1] == ["name"]:
                rest.pop("session_types", None)
        case ("classes", int(i), *_):
            rest["classes"][i] = {"name": f"class-{i}", "capacity": 1, **STAND_INS}
        case ("classes", *_):
            rest["classes"] = [{"name": "class-0", "capacity": 1, **STAND_INS}]
        case (str(name), *_):
            rest.pop(name, None)


def _mend_class(entry: dict[str, Any], number: int, inner: Sequence[int | str]) -> None:
    """Replace a member; of a class whose members do not fit together, all but its name and its curve."""
    name = str(inner[0]) if inner else "capacity"
    if not inner:
        entry.update(pools=1)
        entry.pop("address", None)
    if name == "capacity":
        curve = entry.get("utility")
        values = curve.get("values") if isinstance(curve, dict) else None
        entry["capacity"] = len(values) - 1 if isinstance(values, list) else 2
    elif name == "name":
        entry["name"] = f"class-{number}"
    elif name in STAND_INS:
        entry[name] = STAND_INS[name]
    else:
        entry.pop(name, None)
