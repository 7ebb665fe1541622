"""Curves of an assumed shape that share sessions as weights do, for a fleet without samples.

The curve is 2 √(w x), `alpha_fair` with resource w and alpha ½. JLMU places where √w (√(x+1) − √x) is largest, hence
where (x + ½) / w is smallest, within 1/8 of a session; weighted least connections takes (x + 1) / w.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from slta.cli.error_messages import UserError
from slta.core.fleet import FleetSpec
from slta.core.utility import AlphaFairUtility
from slta.fleet_file.schema import FleetFile
from slta_planning.fit.fleet import ClassCurve
from slta_planning.names import CLASS_NOUN, named_amounts

ALPHA = Decimal("0.5")
ASSUMED = "Their shape, 2 √(weight x), is assumed: utility and gaps say how well the weights are kept, and no more."


def weights_of(given: str) -> dict[str, Decimal]:
    """Parse `small=1,large=2.5`. Raises UserError, also for a weight that is not positive."""
    names = [part.partition("=")[0].strip() for part in given.split(",")]
    return {name: _weight(text) for name, text in named_amounts([given], names, "--weights", CLASS_NOUN).items()}


def _weight(text: str) -> Decimal:
    try:
        weight = Decimal(text)
    except InvalidOperation:
        weight = Decimal(0)
    if not (weight.is_finite() and weight > 0):
        raise UserError(f"--weights: {text!r} is not a positive number")
    return weight


def weighted_classes(
    weights: Mapping[str, Decimal], capacities: Mapping[str, int], pools: Mapping[str, int]
) -> list[ClassCurve]:
    """A class for each weight. Raises UserError for one without a capacity, InvalidFleetError for one of no fleet."""
    missing = [name for name in weights if name not in capacities and "" not in capacities]
    if missing:
        raise UserError(f"--weights: {', '.join(missing)} needs a capacity, such as --capacity {missing[0]}=60")
    classes: list[dict[str, Any]] = [
        {
            "name": name,
            "capacity": capacities.get(name, capacities.get("", 0)),
            "pools": pools.get(name, 0),
            "utility": {"kind": "alpha_fair", "resource": weight, "alpha": ALPHA},
        }
        for name, weight in weights.items()
    ]
    FleetFile.read({"classes": classes})
    return [ClassCurve(**one) for one in classes]


def assumed_weights(spec: FleetSpec) -> dict[str, Fraction]:
    """Weights by class of a fleet all of whose curves are of the assumed shape; otherwise empty."""
    curves = [c.utility for c in spec.classes]
    shaped = [u.resource for u in curves if isinstance(u, AlphaFairUtility) and u.alpha == Fraction(ALPHA)]
    return dict(zip(spec.class_names(), shaped, strict=True)) if len(shaped) == len(curves) else {}
