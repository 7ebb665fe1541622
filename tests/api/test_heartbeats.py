"""Heartbeats of pools over HTTP: their plain form, what is refused, and what their results look like."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slta.api.fast_path import read_plain_heartbeats
from slta.api.http.bodies import BodyParser
from slta.api.http.route_options import route_options_of
from slta.api.routes.pools import send_heartbeats
from slta.api.schemas import HeartbeatsBody
from tests.api.conftest import Api
from tests.api.test_plain_operations import read_strictly

STRICT = BodyParser(HeartbeatsBody, route_options_of(send_heartbeats))
NAMES = st.from_regex(r"[A-Za-z0-9._:-]{1,3}", fullmatch=True)
NUMBERS = st.integers(-1, 9000) | st.sampled_from([0, 1, 2, 3600, 3601, 8191, 8192, 8193, 1.5, None, "2", True])
QUALITIES = st.sampled_from([0, 0.5, 24.25, 1e-7, 1e300, 10**9, 10**9 + 1, -1, 99999999.125, None, "2", True])
ENTRIES = st.fixed_dictionaries(
    {"pool_id": NAMES, "ttl_seconds": NUMBERS}, optional={"count": NUMBERS, "quality": QUALITIES}
)


@given(st.lists(ENTRIES, min_size=1, max_size=4), st.sampled_from([(",", ":"), (", ", ": "), ("\t,\n", "\r: ")]))
@example([{"pool_id": "a", "ttl_seconds": 10}] * 2, (",", ":"))
@example([{"pool_id": "a", "ttl_seconds": 1}], (",", ":"))
def test_what_the_plain_reader_takes_the_strict_one_takes(entries: list[Any], separators: tuple[str, str]) -> None:
    body = json.dumps({"heartbeats": entries}, separators=separators).encode()
    plain = read_plain_heartbeats(body)
    assert not plain or plain.rows == read_strictly(STRICT, body).rows


def test_heartbeats_of_a_thousand_pools_are_plain() -> None:
    entries = [{"pool_id": f"pool-{k}", "ttl_seconds": 10, "count": 8 * k, "quality": k / 8} for k in range(1000)]
    body = json.dumps({"heartbeats": entries}).encode()
    plain = read_plain_heartbeats(body)
    assert plain
    assert plain.rows == read_strictly(STRICT, body).rows


async def test_results_are_in_the_order_of_the_heartbeats(api: Api, fleet: str) -> None:
    await api.post(f"{fleet}/pools/large-1/fail")
    entries = [{"pool_id": id_, "ttl_seconds": 100} for id_ in ("nobody", "small-1", "large-1")]
    results = (await api.post(f"{fleet}/pools/heartbeats", json={"heartbeats": entries})).json()
    found = [(result["pool_id"], result["outcome"], result["list"]) for result in results["pools"]]
    assert found == [("nobody", "unknown_pool", False), ("small-1", "ok", False), ("large-1", "failed", False)]


async def test_attributes_of_a_heartbeat_are_those_of_its_pool_and_null_removes_them(api: Api, fleet: str) -> None:
    url, pool = f"{fleet}/pools/heartbeats", {"pool_id": "small-1", "ttl_seconds": 10}
    labels = {"zone": "a"}
    await api.post(url, json={"heartbeats": [pool | {"address": "10.0.0.7:8080", "labels": labels}]})
    await api.post(url, json={"heartbeats": [pool | {"address": None}]})
    found = (await api.get(f"{fleet}/pools/small-1")).json()
    assert (found["address"], found["labels"]) == (None, labels)


@pytest.mark.parametrize(
    ("quality", "detail"),
    [
        ('"quality": 1', "quality needs count"),
        ('"count": 1, "quality": -0.1', "greater than or equal to 0"),
        ('"count": 1, "quality": 1000000001', "less than or equal to 1000000000"),
        ('"count": 1, "quality": 1e400', "must be 0 or between 1e-12 and 1e13"),
        ('"count": 1, "quality": NaN', "JSON"),
    ],
)
async def test_a_quality_that_cannot_be_is_refused(api: Api, fleet: str, quality: str, detail: str) -> None:
    body = f'{{"heartbeats": [{{"pool_id": "small-1", "ttl_seconds": 10, {quality}}}]}}'
    answer = await api.post(f"{fleet}/pools/heartbeats", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert detail in answer.json()["detail"]


async def test_a_guard_that_is_not_on_ends_without_effect(api: Api, fleet: str) -> None:
    assert (await api.post(f"{fleet}/pools/guard", json={"action": "end"})).json() == {"ended": []}
