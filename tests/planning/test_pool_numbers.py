from __future__ import annotations

import re

import pytest

from slta.cli.error_messages import UserError
from slta_planning.evaluate.entries import Entry
from slta_planning.evaluate.pool_numbers import UNKNOWN, NameMap, PoolNumbers, natural, pattern_of

CLASSES = ["small", "a-b"]


def named(pool: str, pool_class: str | None = None) -> Entry:
    return Entry(0.0, 1.0, pool, pool_class)


def test_a_pool_is_a_class_and_a_number() -> None:
    numbers = PoolNumbers({"small": 3, "a-b": 2})
    assert [numbers.number(named(pool)) for pool in ("a-b-2", "small-1", "a-b-2")] == [0, 1, 0]
    assert numbers.places(CLASSES).tolist() == [4, 0]


@pytest.mark.parametrize(
    "pool", ["small-4", "small-0", "small-01", "small-x", "small", "small-", "tiny-1", "-1", "small-²"]
)
def test_other_names_are_unknown(pool: str) -> None:
    assert PoolNumbers({"small": 3, "a-b": 2}).number(named(pool)) == UNKNOWN


def test_a_class_without_pools_in_the_file_has_those_of_the_log() -> None:
    numbers = PoolNumbers({"small": 0, "a-b": 2})
    assert numbers.number(named("small-7")) == 0
    assert numbers.pools(CLASSES) == [7, 2]
    assert numbers.places(CLASSES).tolist() == [6]


def test_beside_a_class_any_name_is_a_pool_of_it() -> None:
    numbers = PoolNumbers({"small": 2, "a-b": 0})
    seen = [("x", "small"), ("y", "small"), ("z", "small"), ("x", "a-b"), ("x", "small"), ("x", "tiny")]
    assert [numbers.number(named(*one)) for one in seen] == [0, 1, UNKNOWN, 2, 0, UNKNOWN]
    assert numbers.pools(CLASSES) == [2, 1]
    assert numbers.places(CLASSES).tolist() == [0, 1, 2]


def mapped(*maps: str, small: int = 2, large: int = 0) -> PoolNumbers:
    parsed = [NameMap(re.compile(pattern), name) for pattern, _, name in (text.rpartition("=") for text in maps)]
    return PoolNumbers({"small": small, "a-b": large}, parsed)


def test_mapped_servers_are_pools_of_their_class_in_order_of_their_numbers() -> None:
    numbers = mapped(r"srv-(\d+)=small", "big.*=a-b")
    assert [numbers.number(named(pool)) for pool in ("srv-10", "big1", "srv-9", "srv-10")] == [0, 1, 2, 0]
    numbers.number_mapped()
    assert numbers.pools(CLASSES) == [2, 1]
    assert numbers.places(CLASSES).tolist() == [1, 2, 0]
    assert numbers.servers() == {"srv-9": "small-1", "srv-10": "small-2", "big1": "a-b-1"}


def test_servers_that_the_log_does_not_name_make_the_numbers_unstable() -> None:
    numbers = mapped(r"srv-(\d+)=small", "big.*=a-b", small=4, large=0)
    for pool in ("srv-1", "srv-4", "big1"):
        numbers.number(named(pool))
    numbers.number_mapped()
    assert numbers.servers()["srv-4"] == "small-2"
    (told,) = numbers.unstable()
    assert told.startswith("2 pools of small without a server in this log")


def test_the_numbers_are_stable_where_every_pool_has_a_server_or_no_server_is_mapped() -> None:
    numbers = mapped(r"srv-(\d+)=small")
    for pool in ("srv-1", "srv-2", "a-b-1"):
        numbers.number(named(pool))
    numbers.number_mapped()
    assert list(numbers.unstable()) == []


def test_the_whole_name_must_match_and_the_first_map_counts() -> None:
    numbers = mapped(r"srv-[12]=small", r"srv-\d+=a-b")
    assert numbers.number(named("xsrv-1")) == numbers.number(named("srv-1x")) == UNKNOWN
    for pool in ("srv-1", "srv-3"):
        numbers.number(named(pool))
    numbers.number_mapped()
    assert numbers.servers() == {"srv-1": "small-1", "srv-3": "a-b-1"}


def test_mapped_servers_stand_beside_pools_of_their_own_name() -> None:
    numbers = mapped("srv.*=small")
    for pool in ("small-1", "srv"):
        numbers.number(named(pool))
    numbers.number_mapped()
    assert numbers.places(CLASSES).tolist() == [0, 1]


def test_more_servers_than_the_file_has_pools_are_an_error_that_says_so() -> None:
    numbers = mapped(r"srv-\d+=small")
    for k in (1, 2, 10):
        numbers.number(named(f"srv-{k}"))
    with pytest.raises(UserError, match=r"3 servers pools of class small, .* file has 2: srv-1, srv-2, srv-10\."):
        numbers.number_mapped()


def test_a_pattern_of_unknown_servers_matches_each_of_them() -> None:
    for name in ("srv-1", "10.0.0.1:8080", "a(b)|c+"):
        assert re.fullmatch(pattern_of(name), name)
    assert pattern_of("srv-1") == r"srv-(\d+)"
    assert mapped().remedy(["srv-1", "srv-2"]) == r"map them with --map 'srv-(\d+)=CLASS', CLASS one of small, a-b"


def test_names_sort_by_their_numbers() -> None:
    assert sorted(["s10b2", "s9", "s10b1", "t"], key=natural) == ["s9", "s10b1", "s10b2", "t"]
