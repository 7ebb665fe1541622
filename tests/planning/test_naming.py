from __future__ import annotations

import pytest

from slta_planning.evaluate.entries import Entry
from slta_planning.evaluate.naming import UNKNOWN, Naming

CLASSES = ["small", "a-b"]


def named(pool: str, pool_class: str | None = None) -> Entry:
    return Entry(0.0, 1.0, pool, pool_class)


def test_a_pool_is_a_class_and_a_number() -> None:
    naming = Naming({"small": 3, "a-b": 2})
    numbers = [naming.number(named(pool)) for pool in ("a-b-2", "small-1", "a-b-2")]
    assert numbers == [0, 1, 0]
    assert naming.places(CLASSES).tolist() == [4, 0]


@pytest.mark.parametrize(
    "pool", ["small-4", "small-0", "small-01", "small-x", "small", "small-", "tiny-1", "-1", "small-²"]
)
def test_other_names_are_unknown(pool: str) -> None:
    assert Naming({"small": 3, "a-b": 2}).number(named(pool)) == UNKNOWN


def test_a_class_without_pools_in_the_file_has_those_of_the_log() -> None:
    naming = Naming({"small": 0, "a-b": 2})
    assert naming.number(named("small-7")) == 0
    assert naming.pools(CLASSES) == [7, 2]
    assert naming.places(CLASSES).tolist() == [6]


def test_beside_a_class_any_name_is_a_pool_of_it() -> None:
    naming = Naming({"small": 2, "a-b": 0})
    seen = [("x", "small"), ("y", "small"), ("z", "small"), ("x", "a-b"), ("x", "small"), ("x", "tiny")]
    assert [naming.number(named(*one)) for one in seen] == [0, 1, UNKNOWN, 2, 0, UNKNOWN]
    assert naming.pools(CLASSES) == [2, 1]
    assert naming.places(CLASSES).tolist() == [0, 1, 2]
