"""The fleet `tiny` of the documents, as the specifications place sessions on it."""

from __future__ import annotations

import json

from slta.core.optimum import Optimum, optimum
from slta.fleet_file import parse_document
from testbed.in_process import TINY

SPEC = parse_document(json.dumps(TINY)).to_spec()
FILE = {"fleet": "tiny", **TINY}
SMALL, LARGE = 0, 1
POOLS = [2, 2]
ORDINALS = ("first", "second", "third", "fourth")


def best(sessions: int) -> Optimum:
    """The optimal assignment of so many sessions."""
    found = optimum(SPEC.ranking, POOLS, sessions)
    assert found
    return found


def worth(columns: list[list[int]]) -> float:
    """The utility of occupancies, by class."""
    return sum(SPEC.classes[i].utility.value(x) for i, column in enumerate(columns) for x in column)


def named(pool_class: int, pools: list[int]) -> list[str]:
    """Pool ids."""
    return [f"{SPEC.classes[pool_class].name}-{pool + 1}" for pool in pools]
