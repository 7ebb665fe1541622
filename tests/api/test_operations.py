"""Many operations in one call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI

from slta.api.app import build_api
from slta.api.http.api_route import dependencies_of
from slta.api.routes.sessions import SLICE
from slta.api.schemas import MAX_OPERATIONS
from slta.auth.keys import Access, generate_key
from slta.auth.rate_limit import Rate
from slta.metrics import Metrics
from slta.store import Store, StoreSettings
from testbed.awaiting import eventually
from testbed.faults import Proxy
from tests.api.conftest import FLEET, Api, NewClient, assign, fill, no_metrics, operate
from tests.api.raw_requests import call
from tests.api.served import served

ONE_OF_EACH = [{"assign": {"session_id": "a"}}, {"renew": {"session_id": "a"}}, {"complete": {"session_id": "a"}}]


def statuses(outcomes: list[dict[str, Any]]) -> list[int]:
    return [outcome["status"] for outcome in outcomes]


async def test_each_operation_has_the_answer_of_the_single_call(api: Api, fleet: str) -> None:
    kinds, never = ("assign", "assign", "complete", "complete", "assign"), {"session_id": "never"}
    asked: list[tuple[str, dict[str, Any]]] = [(kind, {"session_id": "a"}) for kind in kinds]
    asked += [("complete", never), ("assign", {"session_id": "b", "lease_seconds": 7})]
    headers = {"X-Request-ID": "r"}
    body = {"operations": [{kind: of} for kind, of in asked]}
    together = (await api.post(f"{fleet}/operations", json=body, headers=headers)).json()["outcomes"]
    await api.put("/v1/fleets/g", json=FLEET)
    for (kind, of), outcome in zip(asked, together, strict=True):
        alone = await api.post(f"/v1/fleets/g/{kind}", json=of, headers=headers)
        assert outcome["status"] == alone.status_code
        assert outcome["body"].keys() == alone.json().keys()
        same = outcome["body"].keys() - {"pool_id"}
        assert {name: outcome["body"][name] for name in same} == {name: alone.json()[name] for name in same}


async def test_renew_is_of_one_session_that_lives_is_over_or_was_never_seen(api: Api, fleet: str) -> None:
    await assign(api, fleet, "live", "over")
    await api.post(f"{fleet}/complete", json={"session_id": "over"})
    renewals = [{"renew": {"session_id": id_, "lease_seconds": 99}} for id_ in ("live", "over", "never")]
    live, over, never = await operate(api, fleet, *renewals)
    assert live == {"status": 200, "body": {"session_id": "live", "outcome": "renewed"}}
    assert (over["status"], over["body"]["code"]) == (409, "session_ended")
    assert (never["status"], never["body"]["code"]) == (404, "unknown_session")
    assert 98 < (await api.get(f"{fleet}/sessions/live")).json()["lease_seconds_left"] <= 100


async def test_a_refusal_that_may_pass_says_when_in_the_document(api: Api, fleet: str) -> None:
    await fill(api, fleet)
    outcomes = await operate(api, fleet, {"assign": {"session_id": "one-too-many"}}, {"complete": {"session_id": "x"}})
    assert [outcome["body"].get("retry_after_seconds") for outcome in outcomes] == [1, None]
    assert outcomes[0]["body"]["code"] == "no_capacity"


async def test_the_largest_call_keeps_its_order_and_asked_again_it_is_replayed(api: Api, fleet: str) -> None:
    pairs = [
        operation
        for k in range(MAX_OPERATIONS // 2 - 5)
        for operation in ({"assign": {"session_id": f"s-{k}"}}, {"complete": {"session_id": f"s-{k}"}})
    ]
    kept = [{"assign": {"session_id": f"kept-{k}"}} for k in range(10)]
    first = await operate(api, fleet, *pairs, *kept)
    again = await operate(api, fleet, *pairs, *kept)
    assert statuses(first) == [201, 200] * (len(pairs) // 2) + [201] * 10
    assert statuses(again) == [409, 200] * (len(pairs) // 2) + [200] * 10
    assert {outcome["body"]["code"] for outcome in again[: len(pairs) : 2]} == {"session_ended"}
    assert [outcome for outcome in again[-10:] if not outcome["body"]["replayed"]] == []


async def test_each_kind_needs_the_scope_of_its_call(store: Store, fleet: str, new_client: NewClient) -> None:
    keys = dict(generate_key([scope]) for scope in ("assign", "complete", "read"))
    access = Access({entry.id: entry for entry in keys.values()})
    assigning, completing, reading = (new_client(store, access=access, key=key) for key in keys)
    for client, operations, status in (
        (assigning, ONE_OF_EACH[:2], 200),
        (assigning, ONE_OF_EACH, 403),
        (completing, ONE_OF_EACH[1:], 200),
        (completing, ONE_OF_EACH[:1], 403),
        (reading, ONE_OF_EACH[1:2], 403),
    ):
        assert (await client.post(f"{fleet}/operations", json={"operations": operations})).status_code == status


async def test_a_refusal_names_the_operation_and_its_scope(store: Store, fleet: str, new_client: NewClient) -> None:
    key, entry = generate_key(["assign"])
    client = new_client(store, access=Access({entry.id: entry}), key=key)
    problem = (await client.post(f"{fleet}/operations", json={"operations": ONE_OF_EACH})).json()
    assert problem["scopes"] == ["complete"]
    assert problem["detail"] == "The operation complete requires a key with the scope complete."


async def test_a_call_may_overdraw_the_rate_once(store: Store, fleet: str, new_client: NewClient) -> None:
    client = new_client(store, rate=Rate(per_second=0.5, burst=3))
    calls = [await client.post(f"{fleet}/operations", json={"operations": ONE_OF_EACH * 3}) for _ in range(2)]
    assert [answer.status_code for answer in calls] == [200, 429]
    assert 12 <= int(calls[1].headers["Retry-After"]) <= 14, "six too many, and one for the next, at two seconds each"


@pytest.mark.parametrize("fast_path", [True, False])
async def test_a_call_is_charged_before_its_body_is_there(store: Store, fleet: str, *, fast_path: bool) -> None:
    """Of many that have sent their heads the first is let in: nobody knows how many operations it will have."""
    app = build_api(store=store, access=Access.open(), render_metrics=no_metrics, rate=Rate(1e-9, burst=50))
    request = call("f/operations", {"operations": [{"complete": {"session_id": "a"}}] * 1000}, connection="close")
    begin, _, body = request.partition(b"\r\n\r\n")
    async with served(app, fast_path=fast_path) as here:
        clients = [await asyncio.open_connection("127.0.0.1", here.port) for _ in range(60)]
        for _, writer in clients:
            writer.write(begin + b"\r\n\r\n")
        await asyncio.sleep(0)
        for _, writer in clients:
            writer.write(body)
        answers = [await reader.read() for reader, _ in clients]
        for _, writer in clients:
            writer.close()
    assert sorted(answer[9:12] for answer in answers) == [b"200"] + [b"429"] * 59


async def balance(client: Api, fleet: str) -> int:
    """How many single calls still pass."""
    passed = 0
    while (await client.post(f"{fleet}/complete", json={"session_id": "x"})).status_code != 429:
        passed += 1
    return passed


@pytest.mark.parametrize(
    ("body", "status", "left"),
    [
        ({"operations": ONE_OF_EACH}, 200, 7),
        ({"operations": ONE_OF_EACH[:1]}, 200, 9),
        ({"operations": []}, 422, 9),
        ({"operations": [*ONE_OF_EACH, {}]}, 422, 9),
        ({"operations": ONE_OF_EACH * 500}, 422, 9),
        ({}, 422, 9),
    ],
)
async def test_what_a_call_did_not_use_goes_back(
    store: Store, fleet: str, new_client: NewClient, body: dict[str, Any], status: int, left: int
) -> None:
    client = new_client(store, rate=Rate(1e-9, burst=10))
    assert (await client.post(f"{fleet}/operations", json=body)).status_code == status
    assert await balance(client, fleet) == left


def left_of(app: FastAPI) -> list[float]:
    """The balance of each caller."""
    requests = dependencies_of(app).authorizer._requests
    return [left for left, _ in requests._buckets.values()] if requests else []


@pytest.mark.parametrize(("length", "left"), [("111", 3), ("112", 2), ("1000000", -990), ("", -990)])
async def test_a_call_costs_the_most_until_its_body_arrives(store: Store, fleet: str, length: str, left: int) -> None:
    """The shortest operation has 14 bytes with its comma."""
    app = build_api(store=store, access=Access.open(), render_metrics=no_metrics, rate=Rate(1e-9, burst=10))
    framing = {"content_length": length} if length else {"content_length": "", "transfer_encoding": "chunked"}
    async with served(app) as here:
        _, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(call("f/operations", content_type="application/json", **framing))
        await eventually(lambda: left_of(app) == [left])
        writer.transport.abort()
        await eventually(lambda: left_of(app) == [9])


# A store in trouble


@pytest.fixture
async def hasty(between: tuple[Proxy, str], fleet: str, new_client: NewClient, metrics: Metrics) -> AsyncIterator[Api]:
    """A client behind the proxy, whose store gives up soon."""
    store = await Store.open(StoreSettings(between[1], call_timeout_seconds=5, deadline_seconds=0.3), metrics)
    yield new_client(store)
    between[0].open.set()
    await store.close()


async def test_what_was_sent_by_the_deadline_is_unknown_and_the_rest_was_not_done(
    hasty: Api, between: tuple[Proxy, str], api: Api, fleet: str
) -> None:
    between[0].open.clear()
    asked = [{"complete": {"session_id": f"s-{k}"}} for k in range(100)]
    outcomes = await operate(hasty, fleet, *asked)
    codes = [outcome["body"]["code"] for outcome in outcomes]
    assert codes == ["outcome_unknown"] * SLICE + ["store_unavailable"] * (100 - SLICE)
    assert [outcome["body"].get("session_id") for outcome in outcomes[:SLICE]] == [f"s-{k}" for k in range(SLICE)]
    assert {(outcome["status"], outcome["body"]["retry_after_seconds"]) for outcome in outcomes} == {(503, 1)}


async def test_others_come_in_between_the_slices_of_a_call(hasty: Api, between: tuple[Proxy, str], fleet: str) -> None:
    between[0].open.clear()
    before = between[0].calls
    many = [{"complete": {"session_id": f"s-{k}"}} for k in range(1000)]
    long = asyncio.create_task(operate(hasty, fleet, *many))
    await between[0].waiting(before + 1)
    single = asyncio.create_task(assign(hasty, fleet, "between"))
    await asyncio.sleep(0)
    between[0].open.set()
    await single
    assert not long.done()
    # 503: on a slow machine the call's time is over before its last slices
    assert set(statuses(await long)) <= {404, 503}


async def test_reports_of_a_batch_have_the_answers_of_single_ones(api: Api, fleet: str) -> None:
    reports = [("r", "small-1"), ("r", "small-1"), ("r", "large-1"), ("q", "nowhere")]
    operations = [{"report": {"session_id": id_, "pool_id": pool}} for id_, pool in reports]
    outcomes = await operate(api, fleet, *operations, {"complete": {"session_id": "r"}}, operations[0])
    assert [(one["status"], one["body"].get("outcome") or one["body"]["code"]) for one in outcomes] == [
        (201, "new"), (200, "same"), (200, "moved"), (409, "reported_pool_unknown"), (200, "completed"),
        (409, "session_ended"),
    ]  # fmt: skip


async def test_a_batch_takes_the_options_of_single_calls(api: Api, fleet: str) -> None:
    await operate(api, fleet, {"assign": {"session_id": "s", "lease_seconds": 5}})
    options = {"session_id": "s", "lease_seconds": 500, "touch": True, "labels": True}
    unmarked, late_assign = {"complete": {"session_id": "t", "mark": False}}, {"assign": {"session_id": "t"}}
    again, _, late = await operate(api, fleet, {"assign": options}, unmarked, late_assign)
    assert (again["status"], again["body"]["labels"]) == (200, {})
    assert late["status"] == 201
    assert (await api.get(f"{fleet}/sessions/s")).json()["lease_seconds_left"] > 400
