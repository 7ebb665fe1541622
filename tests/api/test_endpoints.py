"""The endpoints of a fleet: what a client needs to place sessions itself, as one copy for all who ask."""

from __future__ import annotations

import asyncio

import pytest

from slta.api import endpoint_cache
from slta.api.endpoint_cache import FRESH_SECONDS, REST, EndpointCache, fresh_until
from slta.fleet_file import Specs
from slta.models import errors
from slta.store import Store
from testbed.awaiting import eventually
from testbed.faults import Proxy
from tests.api.conftest import Api, NewClient, assign, refusal

CALLS_A_READING = 2
"""Of the store, for a small fleet: a page of pools, and the configuration."""


@pytest.fixture
def read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """No copy is fresh."""
    monkeypatch.setattr(endpoint_cache, "FRESH_SECONDS", 0)
    monkeypatch.setattr(endpoint_cache, "REST", 0)


async def test_it_has_every_page_of_pools(api: Api, fleet: str) -> None:
    more = [{"pool_id": f"more-{k}", "pool_class": "small"} for k in range(998)]
    assert (await api.post(f"{fleet}/pools", json={"pools": more})).status_code == 200
    small, large = (await api.get(f"{fleet}/endpoints")).json()["classes"]
    assert len(small["pool_ids"]) == 1000
    assert large["pool_ids"] == ["large-1", "large-2"]


# ETag


@pytest.mark.usefixtures("read_at_each_call")
@pytest.mark.parametrize("condition", ["{}", "W/{}", '"other", {}', "*"])
async def test_who_has_the_bytes_gets_304_without_them(api: Api, fleet: str, condition: str) -> None:
    first = await api.get(f"{fleet}/endpoints")
    again = await api.get(f"{fleet}/endpoints", headers={"If-None-Match": condition.format(first.headers["ETag"])})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert first.headers["Cache-Control"] == again.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.usefixtures("read_at_each_call")
async def test_the_etag_changes_with_the_bytes(api: Api, fleet: str) -> None:
    first = await api.get(f"{fleet}/endpoints")
    await assign(api, fleet, "a")
    again = await api.get(f"{fleet}/endpoints", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 200
    assert again.headers["ETag"] != first.headers["ETag"]


# One copy for all


async def test_concurrent_requests_share_one_reading(
    new_client: NewClient, behind: Store, between: tuple[Proxy, str], fleet: str
) -> None:
    api, (proxy, _) = new_client(behind), between
    proxy.open.clear()
    asked = [asyncio.create_task(api.get(f"{fleet}/endpoints")) for _ in range(5)]
    await proxy.waiting(1)
    proxy.open.set()
    answers = await asyncio.gather(*asked)
    assert len({answer.content for answer in answers}) == 1
    assert proxy.calls == CALLS_A_READING


async def test_a_fresh_copy_is_not_read_again(
    new_client: NewClient, behind: Store, between: tuple[Proxy, str], fleet: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_cache, "FRESH_SECONDS", 3600)
    api = new_client(behind)
    first = await api.get(f"{fleet}/endpoints")
    await assign(api, fleet, "a")
    before = between[0].calls
    assert (await api.get(f"{fleet}/endpoints")).content == first.content
    assert between[0].calls == before


def test_a_copy_is_fresh_for_a_second_or_four_times_as_long_as_its_reading_took() -> None:
    assert fresh_until(10.0, 10.125) == 10.125 + FRESH_SECONDS
    assert fresh_until(10.0, 12.0) == 12.0 + REST * 2.0


async def test_one_who_leaves_does_not_end_the_reading_of_the_others(behind: Store, between: tuple[Proxy, str]) -> None:
    cache, (proxy, _) = EndpointCache(behind, Specs()), between
    proxy.open.clear()
    first, second = (asyncio.create_task(cache.of("f")) for _ in range(2))
    await proxy.waiting(1)
    first.cancel()
    proxy.open.set()
    assert (await second).body


# While the store is unavailable


@pytest.mark.usefixtures("read_at_each_call")
async def test_the_last_copy_is_returned_with_its_age(
    new_client: NewClient, behind: Store, between: tuple[Proxy, str], fleet: str
) -> None:
    api = new_client(behind)
    first = await api.get(f"{fleet}/endpoints")
    between[0].refusals = ["MISCONF errors writing to the disk"]
    again = await api.get(f"{fleet}/endpoints")
    assert (again.status_code, again.content) == (200, first.content)
    assert int(again.headers["Age"]) >= int(first.headers["Age"]) >= 0
    assert not between[0].refusals


async def test_without_a_copy_all_who_wait_are_refused(
    new_client: NewClient, behind: Store, between: tuple[Proxy, str], fleet: str
) -> None:
    api, (proxy, _) = new_client(behind), between
    proxy.refusals = ["MISCONF errors writing to the disk"]
    proxy.open.clear()
    asked = [asyncio.create_task(api.get(f"{fleet}/endpoints")) for _ in range(2)]
    await proxy.waiting(1)
    proxy.open.set()
    assert [refusal(answer) for answer in await asyncio.gather(*asked)] == [(503, "store_unavailable")] * 2
    assert (await api.get(f"{fleet}/endpoints")).status_code == 200


@pytest.mark.usefixtures("fleet", "read_at_each_call")
async def test_a_copy_that_is_too_old_is_dropped(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_cache, "MAX_AGE_SECONDS", 0)
    cache = EndpointCache(store, Specs())
    await cache.of("f")
    await eventually(lambda: not cache._copies)


@pytest.mark.usefixtures("fleet", "read_at_each_call")
async def test_a_newer_copy_is_not_dropped_with_the_older(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = EndpointCache(store, Specs())
    monkeypatch.setattr(endpoint_cache, "MAX_AGE_SECONDS", 0)
    older = await cache.of("f")
    monkeypatch.setattr(endpoint_cache, "MAX_AGE_SECONDS", 3600)
    newer = await cache.of("f")
    cache._drop("f", older.began)
    assert cache._copies == {"f": newer}


@pytest.mark.usefixtures("redis")
async def test_an_unknown_fleet_leaves_nothing_in_memory(store: Store) -> None:
    cache = EndpointCache(store, Specs())
    with pytest.raises(errors.UnknownFleetError):
        await cache.of("nobody")
    assert not cache._copies
    assert not cache._readings
