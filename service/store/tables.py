"""A fleet's compiled tables as the fixed-width text that the Lua library reads with GETRANGE."""

from __future__ import annotations

import hashlib

from service.core.fleet import FleetSpec
from service.core.orders import PAPER
from service.core.ranking import Ranking
from service.values import MICROSECONDS

CLASS_BYTES, LEVEL_BYTES, RANK_BYTES, MARGINAL_BYTES = 2, 4, 5, 18
"""Widths of the numbers in the tables: 64 classes, capacity 4,096, 16,384 ranks, 2^53 and its sign."""


def put_arguments(spec: FleetSpec, document: str, expected_version: int | None) -> list[str | int]:
    """The arguments of the function `put` after the time; see `lua/library.lua`. Class positions count from 1."""
    integers = spec.integers
    capacities = [c.capacity for c in spec.classes]
    names = list(spec.class_names())
    coefficient, power = spec.beta.coefficient_and_power()
    bound = "".join(
        f"{c.pool_class + 1:{CLASS_BYTES}d}{integers.marginals[c.pool_class][c.level - 1]:{MARGINAL_BYTES}d}"
        for c in integers.order
    )
    return [
        "" if expected_version is None else expected_version,
        document,
        spec.policy.name,
        utilities_digest(spec),
        " ".join(names),
        " ".join(map(str, capacities)),
        round(spec.lease_seconds * MICROSECONDS),
        round(spec.retention_seconds * MICROSECONDS),
        f"{coefficient:.17g}",
        f"{power:.17g}",
        integers.exponent,
        order_text(spec.ranking),
        bound,
        *("".join(f"{marginal:{MARGINAL_BYTES}d}" for marginal in column) for column in integers.marginals),
    ]


def utilities_digest(spec: FleetSpec) -> str:
    """A digest of what totals depend on; of another order than the paper's, its own digest after a colon.

    The first part has the paper's order in it too, which the integers alone do not settle.
    """
    integers = spec.integers
    capacities = [c.capacity for c in spec.classes]
    paper = order_text(spec.paper_ranking)
    totals = _digest(repr((list(spec.class_names()), capacities, integers.exponent, integers.marginals, paper)))
    if spec.order == PAPER:
        return totals
    return f"{totals}:{_digest(order_text(spec.ranking))}"


def order_text(ranking: Ranking) -> str:
    """An order as `lua/order.lua` reads it."""
    return "".join(f"{c.pool_class + 1:{CLASS_BYTES}d}{c.level:{LEVEL_BYTES}d}" for c in ranking.order)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
