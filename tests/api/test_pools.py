"""Pools over HTTP."""

from __future__ import annotations

import pytest

from slta.models import PoolSpec
from slta.store import Store
from tests.api.conftest import FLEET, Api, assign, fill, pages_of, refusal


async def test_put_creates_a_pool_or_moves_it_when_it_is_empty(api: Api, fleet: str) -> None:
    created = await api.put(f"{fleet}/pools/new", json={"pool_class": "small"})
    moved = await api.put(f"{fleet}/pools/new", json={"pool_class": "large"})
    assert (created.status_code, moved.status_code) == (201, 200)
    new = {"pool_id": "new", "pool_class": "large", "status": "active", "liveness": "alive", "occupancy": 0}
    assert moved.json() == new | {"address": None, "labels": {}, "drain": None}
    await fill(api, fleet)
    assert refusal(await api.put(f"{fleet}/pools/large-1", json={"pool_class": "small"})) == (409, "pool_not_empty")


async def test_a_drain_has_a_deadline_until_the_next_drain(api: Api, fleet: str) -> None:
    drained = await api.post(f"{fleet}/pools/large-1/drain", json={"within_seconds": 600, "then": "fail"})
    assert 590 < drained.json()["drain"].pop("deadline_seconds") <= 600
    assert drained.json()["drain"]["then"] == "fail"
    drained = await api.post(f"{fleet}/pools/large-1/drain", json={"within_seconds": 604_800})
    assert drained.json()["drain"]["then"] == "list"
    assert (await api.post(f"{fleet}/pools/large-1/drain", json={})).json()["drain"] is None
    assert (await api.get(f"{fleet}/pools/large-1")).json()["drain"] is None


async def test_many_pools_drain_with_one_deadline(api: Api, fleet: str) -> None:
    body = {"status": "draining", "pool_class": "large", "within_seconds": 600, "then": "fail"}
    assert (await api.post(f"{fleet}/pools/status", json=body)).json()["changed"] == ["large-1", "large-2"]
    pools = (await api.get(f"{fleet}/pools")).json()["pools"]
    assert [pool["drain"] and pool["drain"]["then"] for pool in pools] == [None, None, "fail", "fail"]


async def test_pools_are_filtered_by_status_liveness_and_class(api: Api, fleet: str) -> None:
    await api.post(f"{fleet}/pools/status", json={"status": "draining", "pool_ids": ["small-2", "large-1"]})
    found = [
        [pool["pool_id"] for pool in (await api.get(f"{fleet}/pools?{query}")).json()["pools"]]
        for query in ("status=draining", "status=draining&liveness=alive&pool_class=large", "liveness=lost")
    ]
    assert found == [["small-2", "large-1"], ["large-1"], []]
    assert refusal(await api.get(f"{fleet}/pools?pool_class=none")) == (422, "unknown_class")


async def test_a_filtered_page_is_filled_from_all_pools_of_the_fleet(api: Api, store: Store, fleet: str) -> None:
    await store.pools.add("f", [PoolSpec(f"large-{k}", "large") for k in range(3, 1300)])
    body = {"status": "draining", "pool_ids": ["large-1", "large-1150", "large-1200"]}
    await api.post(f"{fleet}/pools/status", json=body)
    pages = [page["pools"] async for page in pages_of(api, f"{fleet}/pools", 2, status="draining")]
    found = [[pool["pool_id"] for pool in page] for page in pages]
    assert found == [["large-1", "large-1150"], ["large-1200"]]


LISTS = {"": "fleets", "/f/events": "events", "/f/pools": "pools", "/f/pools/large-1/sessions": "session_ids"}


@pytest.mark.parametrize(("path", "member"), LISTS.items())
async def test_pages_of_any_size_have_every_entry_of_a_list_once(api: Api, fleet: str, path: str, member: str) -> None:
    await fill(api, fleet)
    for name in ("g", "ab", "a"):
        await api.put(f"/v1/fleets/{name}", json=FLEET)
    for change in ("drain", "undrain", "drain"):
        await api.post(f"{fleet}/pools/large-1/{change}")
    whole = (await api.get(f"/v1/fleets{path}")).json()
    assert (len(whole[member]) >= 4, whole["next_cursor"]) == (True, None)
    assert path or whole["fleets"] == ["a", "ab", "f", "g"]
    for limit in (1, 3, len(whole[member])):
        pages = [page async for page in pages_of(api, f"/v1/fleets{path}", limit)]
        assert [entry for page in pages for entry in page[member]] == whole[member]
        assert {len(page[member]) for page in pages[:-1]} <= {limit}


async def test_what_ends_between_two_pages_hides_nothing(api: Api, fleet: str) -> None:
    await fill(api, fleet)
    pages = pages_of(api, f"{fleet}/pools/large-1/sessions", 2)
    first = (await anext(pages))["session_ids"]
    for id_ in first:
        await api.post(f"{fleet}/complete", json={"session_id": id_})
    assert [len(page["session_ids"]) async for page in pages] == [2]


async def test_a_pool_may_be_called_status(api: Api, fleet: str) -> None:
    assert (await api.put(f"{fleet}/pools/status", json={"pool_class": "small"})).status_code == 201
    assert (await api.post(f"{fleet}/pools/status/drain")).json()["status"] == "draining"


async def test_a_report_from_another_life_of_the_store_is_409_with_the_present_time(api: Api, fleet: str) -> None:
    report = {"as_of": "1:3000000", "session_ids": []}
    (pool_id,) = await assign(api, fleet, "s")
    refused = await api.put(f"{fleet}/pools/{pool_id}/sessions", json=report)
    assert refusal(refused) == (409, "stale_report")
    assert (await api.get(f"{fleet}/sessions/s")).status_code == 200
    again = await api.put(f"{fleet}/pools/{pool_id}/sessions", json=report | {"as_of": refused.json()["as_of"]})
    assert again.json()["ended"] == ["s"]


async def test_an_unknown_pool_is_404_whatever_is_asked_of_it(api: Api, fleet: str) -> None:
    for answer in (
        *[await api.get(f"{fleet}/pools/nowhere{what}") for what in ("", "/sessions")],
        await api.delete(f"{fleet}/pools/nowhere"),
        *[await api.post(f"{fleet}/pools/nowhere/{change}") for change in ("drain", "undrain", "fail")],
        await api.put(f"{fleet}/pools/nowhere/sessions", json={"as_of": "0:0", "session_ids": []}),
    ):
        assert refusal(answer) == (404, "unknown_pool")


# Addresses and labels

ADDRESS, LABELS = "10.0.0.7:8080", {"zone": "a"}


async def test_put_sets_what_is_given_keeps_what_is_not_and_removes_what_is_null(api: Api, fleet: str) -> None:
    seen = []
    for given in ({"address": ADDRESS, "labels": LABELS}, {}, {"address": None}, {"address": ADDRESS, "labels": None}):
        answer = await api.put(f"{fleet}/pools/small-1", json={"pool_class": "small"} | given)
        assert answer.status_code == 200
        seen.append((answer.json()["address"], answer.json()["labels"]))
    assert seen == [(ADDRESS, LABELS), (ADDRESS, LABELS), (None, LABELS), (ADDRESS, {})]


async def test_a_list_of_pools_sets_attributes_and_says_whose_have_changed(api: Api, fleet: str) -> None:
    pools = [{"pool_id": "x", "pool_class": "small", "address": "x:1"}]
    pools += [{"pool_id": "small-1", "pool_class": "small", "address": ADDRESS}]
    first, again = [await api.post(f"{fleet}/pools", json={"pools": pools}) for _ in range(2)]
    assert first.json() == {"created": ["x"], "changed": ["small-1"], "unchanged": []}
    assert again.json() == {"created": [], "changed": [], "unchanged": ["x", "small-1"]}


async def test_the_largest_attributes_are_taken_by_a_thousand_pools(api: Api, fleet: str) -> None:
    labels = {f"{k:02d}": "x" * 35 for k in range(16)}
    pools = [{"pool_id": f"p{k}", "pool_class": "small", "address": "y" * 60, "labels": labels} for k in range(1000)]
    assert len((await api.post(f"{fleet}/pools", json={"pools": pools})).json()["created"]) == 1000
    assert (await api.get(f"{fleet}/pools/p999")).json()["labels"] == labels


async def test_a_label_may_consist_of_what_separates_json(api: Api, fleet: str) -> None:
    labels = {"a": ",[{" * 340}
    answer = await api.put(f"{fleet}/pools/small-1", json={"pool_class": "small", "labels": labels})
    assert answer.json()["labels"] == labels


async def test_a_fleet_file_sets_addresses_by_template_or_one_by_one(api: Api) -> None:
    small = {"name": "small", "utility": {"kind": "linear", "slope": 1}, "capacity": 2}
    listed = [{"id": "srv-a", "address": "a:1", "labels": LABELS}, {"id": "srv-b"}]
    classes = [small | {"pools": 2, "address": "10.0.0.{n}:80"}, small | {"name": "large", "pools": listed}]
    created = await api.put("/v1/fleets/g", json={"classes": classes})
    assert created.json()["classes"] == [one | {"utility": {"kind": "linear", "slope": 1}} for one in classes]
    pools = (await api.get("/v1/fleets/g/pools")).json()["pools"]
    assert {pool["pool_id"]: pool["address"] for pool in pools} == {
        "small-1": "10.0.0.1:80", "small-2": "10.0.0.2:80", "srv-a": "a:1", "srv-b": None,
    }  # fmt: skip


async def test_an_assign_has_labels_if_it_asks_for_them(api: Api, fleet: str) -> None:
    for pool in ("large-1", "large-2"):
        await api.put(f"{fleet}/pools/{pool}", json={"pool_class": "large", "address": ADDRESS, "labels": LABELS})
    plain, labelled = [
        (await api.post(f"{fleet}/assign", json={"session_id": "s", "labels": asked})).json() for asked in (False, True)
    ]
    assert plain["address"] == ADDRESS
    assert labelled == plain | {"token": None, "replayed": True, "labels": LABELS}
