"""Two choices, without I/O: the better of two random pools."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from slta_client.endpoints import Endpoints
from slta_client.fallback import better
from tests.inventory import each


def pool_class(name: str, capacity: int, *occupancies: int) -> dict[str, Any]:
    ids = [f"{name}-{number}" for number in range(len(occupancies))]
    addresses: list[str | None] = [f"{one}:80" for one in ids[:-1]] + [None] * bool(ids)
    columns = {"pool_ids": ids, "addresses": addresses, "occupancies": list(occupancies)}
    return {"name": name, "capacity": capacity, **columns}


def endpoints(*classes: dict[str, Any]) -> Endpoints:
    return Endpoints({"fleet": "f", "classes": list(classes)})


def chosen(
    found: Endpoints, changes: Mapping[str, int] | None = None, times: int = 2000, weight: float = 1.0
) -> Counter[str | None]:
    rng = random.Random(1)
    pools = [better(found, changes or {}, weight, rng) for _ in range(times)]
    return Counter(pool and pool.pool_id for pool in pools)


@each(
    ("classes", "changes", "better"),
    [
        ([pool_class("a", 10, 3, 4)], {}, "a-0"),
        ([pool_class("a", 10, 3, 4)], {"a-0": 2}, "a-1"),
        ([pool_class("a", 10, 3, 4)], {"a-1": -2}, "a-1"),
        ([pool_class("a", 10, 4), pool_class("b", 20, 7)], {}, "b-0"),
        ([pool_class("a", 10, 4), pool_class("b", 20, 9)], {}, "a-0"),
        ([pool_class("a", 4, 4), pool_class("b", 1, 0)], {}, "b-0"),
        ([pool_class("a", 4, 0), pool_class("b", 100, 1)], {"a-0": -1}, "a-0"),
    ],
)
def test_the_emptier_of_two_pools_is_taken(classes: list[dict[str, Any]], changes: dict[str, int], better: str) -> None:
    assert chosen(endpoints(*classes), changes, 50) == {better: 50}


def test_between_equals_chance_decides() -> None:
    counts = chosen(endpoints(pool_class("a", 10, 5), pool_class("b", 20, 10)))
    assert abs(counts["a-0"] - 1000) < 5 * 500**0.5


def test_pairs_are_uniform_over_pools_of_all_classes() -> None:
    """With all different, the k-th best of n is the better one of 2 (n - k) in n (n - 1) pairs."""
    counts = chosen(endpoints(pool_class("a", 100, 1), pool_class("b", 100, 2, 3), pool_class("c", 100, 4)), times=6000)
    expected = {"a-0": 3000, "b-0": 2000, "b-1": 1000}
    assert counts.keys() == expected.keys()
    assert [
        (name, counts[name], mean) for name, mean in expected.items() if not abs(counts[name] - mean) < 5 * mean**0.5
    ] == []


def test_one_pool_with_room_among_many_full_ones_is_found() -> None:
    assert chosen(endpoints(pool_class("a", 1, *[1] * 500, 0, *[1] * 500)), times=20) == {"a-500": 20}


@each("found", [endpoints(), endpoints(pool_class("a", 10)), endpoints(pool_class("a", 2, 2, 3))])
def test_without_a_pool_with_room_none_is_chosen(found: Endpoints) -> None:
    assert better(found, {}, 1.0, random.Random(1)) is None


@each(("change", "better"), [(1, "a-1"), (0, "a-0"), (-1, "a-0")])
def test_an_own_session_stands_for_those_of_the_other_clients(change: int, better: str) -> None:
    assert chosen(endpoints(pool_class("a", 100, 20, 25)), {"a-0": change}, 50, weight=10.0) == {better: 50}


def test_for_room_an_own_session_counts_once() -> None:
    assert chosen(endpoints(pool_class("a", 3, 0)), {"a-0": 2}, 50, weight=10.0) == {"a-0": 50}
    assert chosen(endpoints(pool_class("a", 3, 0, 3)), {"a-0": 2}, 50, weight=10.0) == {"a-0": 50}


def test_ten_clients_together_level_the_pools_and_no_more() -> None:
    """Each has a tenth of the sessions; without a weight each would level by itself what all see: tenfold."""
    found, rng = endpoints(pool_class("a", 100, *[20] * 20), pool_class("b", 100, *[30] * 20)), random.Random(1)
    clients: list[Counter[str]] = [Counter() for _ in range(10)]
    for number in range(1000):
        changes = clients[number % 10]
        changes[better(found, changes, 10.0, rng).pool_id] += 1
    begun = sum(clients, Counter[str]())
    per_pool = [sum(count for pool, count in begun.items() if pool[0] == name) / 20 for name in "ab"]
    assert 20 + per_pool[0] == pytest.approx(30 + per_pool[1], abs=3)


def test_own_sessions_fill_a_pool() -> None:
    assert better(endpoints(pool_class("a", 2, 1)), {"a-0": 1}, 1.0, random.Random(1)) is None


def test_a_single_pool_is_chosen_with_what_is_known_of_it() -> None:
    pool = better(endpoints(pool_class("a", 7, 3)), {}, 1.0, random.Random(1))
    assert pool == ("a-0", "a", None, 7, 3)


def test_pools_are_numbered_through_all_classes() -> None:
    found = endpoints(pool_class("a", 1, 0), pool_class("b", 2), pool_class("c", 3, 1, 2))
    assert [(pool.pool_id, pool.pool_class, pool.capacity, pool.occupancy) for pool in found] == [
        ("a-0", "a", 1, 0),
        ("c-0", "c", 3, 1),
        ("c-1", "c", 3, 2),
    ]
    assert found[1].address == "c-0:80"


def document(**wrong: object) -> dict[str, Any]:
    return {"fleet": "f", "classes": [pool_class("a", 2, 0, 1) | wrong]}


@each(
    "wrong",
    [
        {},
        {"fleet": "f"},
        {"fleet": 1, "classes": []},
        {"fleet": "f", "classes": 3},
        {"fleet": "f", "classes": ["a"]},
        document(pool_ids=["a-0"]),
        document(pool_ids="ab"),
        document(addresses=[1, None]),
        document(occupancies=[0, "1"]),
        document(capacity=0),
        document(capacity=None),
        document(name=None),
        {"fleet": "f", "classes": [pool_class("a", 1, *[0] * 65_537)]},
    ],
)
def test_another_document_is_none_of_endpoints(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="it has"):
        Endpoints(wrong)
