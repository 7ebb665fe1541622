"""Encoding of a fleet's compiled tables as fixed-width text, which the Lua library parses once."""

from __future__ import annotations

import hashlib

from slta.core.fleet import FleetSpec
from slta.core.orders import PAPER
from slta.core.ranking import Ranking
from slta.models import MICROSECONDS
from slta.store.operations import Value

CLASS_BYTES, LEVEL_BYTES, MARGINAL_BYTES = 2, 4, 18
"""Field widths: 64 classes, capacity 4,096, 2^53 with its sign."""
TABLE_BYTES = {
    "order": CLASS_BYTES + LEVEL_BYTES,
    "bound": CLASS_BYTES + MARGINAL_BYTES,
    "marginals": MARGINAL_BYTES,
}
"""Width of an entry of each table, see `lua/state/tables.lua`."""


def put_arguments(spec: FleetSpec, document: str, expected_version: int | None) -> dict[str, Value]:
    """Arguments of the Lua function `put` that follow from a document. Classes count from 1."""
    integers = spec.integers
    coefficient, power = spec.beta.coefficient_and_power()
    bound = "".join(
        f"{c.pool_class + 1:{CLASS_BYTES}d}{integers.marginals[c.pool_class][c.level - 1]:{MARGINAL_BYTES}d}"
        for c in integers.order
    )
    return {
        "expected": expected_version,
        "document": document,
        "policy": spec.policy.name,
        "utilities": utilities_digest(spec),
        "names": spec.class_names(),
        "capacities": [c.capacity for c in spec.classes],
        "lease": round(spec.lease_seconds * MICROSECONDS),
        "retention": round(spec.retention_seconds * MICROSECONDS),
        "beta_coefficient": f"{coefficient:.17g}",
        "beta_power": f"{power:.17g}",
        "exponent": integers.exponent,
        "gone": round(spec.gone_seconds * MICROSECONDS),
        "forget": round(spec.forget_seconds * MICROSECONDS),
        "reserve": f"{spec.reserve if spec.session_types else 0:.17g}",
        "reserve_for_priority": spec.reserve_for_priority,
        "scale_window": spec.scale.window_seconds * MICROSECONDS if spec.scale else 0,
        "quality": f"{spec.quality.per} {spec.quality.unit}" if spec.quality else "",
        "session_types": types_text(spec),
        "order": order_text(spec.ranking),
        "bound": bound,
        "marginals": ["".join(f"{marginal:{MARGINAL_BYTES}d}" for marginal in column) for column in integers.marginals],
    }


def types_text(spec: FleetSpec) -> str:
    """Session types for `lua/state/types.lua`: "video=2,3 chat=1,2", '' without any."""
    own = zip(spec.type_names[1:], spec.type_sets.classes[1:], strict=True)
    return " ".join(f"{name}={','.join(str(c + 1) for c in classes)}" for name, classes in own)


def utilities_digest(spec: FleetSpec) -> str:
    """Digest of the inputs of U and U*; an order other than the paper's adds its own digest after a colon.

    The first part includes the paper's order, since the integers do not determine its ties.
    """
    integers = spec.integers
    capacities = [c.capacity for c in spec.classes]
    paper = order_text(spec.paper_ranking)
    totals = _digest(repr((list(spec.class_names()), capacities, integers.exponent, integers.marginals, paper)))
    if spec.order == PAPER:
        return totals
    return f"{totals}:{_digest(order_text(spec.ranking))}"


def order_text(ranking: Ranking) -> str:
    """Encode an order for `lua/state/tables.lua`."""
    return "".join(f"{c.pool_class + 1:{CLASS_BYTES}d}{c.level:{LEVEL_BYTES}d}" for c in ranking.order)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
