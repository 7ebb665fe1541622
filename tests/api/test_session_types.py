"""Session types in the API: each call takes one, each answer names it, and each refusal says what it is about."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from redis import Redis

from slta.auth.keys import Access, generate_key
from tests.api.conftest import Api, NewClient, as_of, operate, refusal
from tests.api.placements import ask, placed
from tests.api.raw_requests import call, last
from tests.api.served import Served, both_ways

CURVE = {"kind": "log_share", "resource": 20}
TYPED: dict[str, Any] = {
    "policy": "jlmu",
    "classes": [
        {"name": name, "utility": CURVE, "capacity": 2, "pools": pools}
        for name, pools in {"small": 2, "large": 1, "gpu": 0}.items()
    ],
    "session_types": {
        "video": ["large", "gpu"],
        "train": ["gpu"],
        "chat": ["small", "large"],
        "touch": ["small"],
        "labels": ["small"],
        "low": ["small"],
    },
}
"""Types named like options of an assign are types all the same."""
TYPES = ["default", *TYPED["session_types"]]


@pytest.fixture
async def typed(api: Api) -> str:
    assert (await api.put("/v1/fleets/t", json=TYPED)).status_code == 201
    return "/v1/fleets/t"


async def assign(api: Api, fleet: str, session_id: str, session_type: str, **more: Any) -> httpx.Response:
    body = {"session_id": session_id, "session_type": session_type, **more}
    return await api.post(f"{fleet}/assign", json=body)


# Assign


async def test_a_session_goes_to_a_class_of_its_type_and_each_answer_names_the_type(api: Api, typed: str) -> None:
    placed_first = await assign(api, typed, "s", "video")
    assert (placed_first.status_code, placed_first.json()["pool_id"]) == (201, "large-1")
    session = (await api.get(f"{typed}/sessions/s")).json()
    [again] = await operate(api, typed, {"assign": {"session_id": "s"}})
    named = [placed_first.json()["session_type"], session["session_type"], again["body"]["session_type"]]
    assert named == ["video"] * 3


async def test_one_of_low_priority_is_refused_alone_and_in_bulk(api: Api) -> None:
    kept = TYPED | {"reserve_for_priority": 3}
    assert (await api.put("/v1/fleets/t", json=kept | {"policy": "slta", "session_types": {}})).status_code == 422
    assert (await api.put("/v1/fleets/t", json=kept)).status_code == 201
    for number in range(3):
        assert (await assign(api, "/v1/fleets/t", f"s{number}", "default", priority="low")).status_code == 201
    refused = await assign(api, "/v1/fleets/t", "s3", "default", priority="low")
    low, high = ({"assign": {"session_id": "s3", "priority": priority}} for priority in ("low", "high"))
    operations = await operate(api, "/v1/fleets/t", low, high)
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (429, "low_priority", "1")
    assert [(one["status"], one["body"].get("code")) for one in operations] == [(429, "low_priority"), (201, None)]
    assert (await api.get("/v1/fleets/t/state")).json()["counters"]["rejected_low_priority"] == 2
    assert (await assign(api, "/v1/fleets/t", "s4", "default", priority="medium")).status_code == 422


@pytest.mark.parametrize("name", ["touch", "labels", "low"])
async def test_a_type_with_the_name_of_an_option_is_no_option(api: Api, typed: str, name: str) -> None:
    await assign(api, typed, "s", name, lease_seconds=60)
    again = (await assign(api, typed, "s", name, lease_seconds=500)).json()
    assert (again["lease_seconds"], again["session_type"], "labels" in again) == (60, name, False)


async def test_a_pool_whose_id_looks_like_a_type_is_a_pool(api: Api, typed: str) -> None:
    await api.post(f"{typed}/pools", json={"pools": [{"pool_id": "type:video", "pool_class": "small"}]})
    reported = (await api.put(f"{typed}/sessions/s", json={"pool_id": "type:video"})).json()
    assert (reported["pool_id"], reported["session_type"]) == ("type:video", "default")


OPERATIONS: dict[str, dict[str, Any]] = {
    "plain": {"assign": {"session_id": "s", "session_type": "video", "lease_seconds": 60}},
    "with members in another order": {"assign": {"session_type": "video", "lease_seconds": 60, "session_id": "s"}},
    "with labels": {"assign": {"session_id": "s", "session_type": "video", "lease_seconds": 60, "labels": True}},
    "report": {"report": {"session_id": "s", "pool_id": "large-1", "session_type": "video", "lease_seconds": 60}},
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
async def test_operations_take_the_type(api: Api, typed: str, operation: dict[str, Any]) -> None:
    [outcome] = await operate(api, typed, operation)
    facts = ("session_type", "pool_class", "lease_seconds")
    assert [outcome["body"][fact] for fact in facts] == ["video", "large", 60]


async def test_both_paths_answer_with_the_same_bytes(server: str, redis: Redis) -> None:
    assigns = [{"assign": {"session_id": f"b-{k}", "session_type": kind}} for k, kind in enumerate(TYPES)]
    assigns += [{"assign": {"session_id": f"b-{k}", "labels": True}} for k in range(3)]
    bodies: list[tuple[str, Any]] = [
        *(("assign", {"session_id": f"s-{kind}", "session_type": kind}) for kind in (*TYPES, "audio", "train")),
        *(("operations", {"operations": assigns[at:]}) for at in (0, len(TYPES))),
        ("operations", {"operations": assigns[: len(TYPES)]}),
        ("assign", {"session_type": "no name"}),
    ]
    typed = call("f", TYPED, method="PUT", x_request_id="r")
    talk = (typed, *(call(f"f/{path}", body, x_request_id="r") for path, body in bodies), last(ask("HEAD")))
    direct, by_asgi = await both_ways([talk], server, redis)
    assert direct == by_asgi
    assert b'"session_type":"video"' in direct[0]


async def test_the_largest_call_of_all_members_is_taken(api: Api, typed: str) -> None:
    every = {"lease_seconds": 60, "session_type": "video"}
    assigns = [{"assign": {"session_id": f"a{k}", "touch": True, "labels": True, **every}} for k in range(500)]
    reports = [{"report": {"session_id": f"r{k}", "pool_id": "none", "late": True, **every}} for k in range(500)]
    assert len(await operate(api, typed, *assigns, *reports)) == 1000


# Refusals


async def test_an_unknown_type_is_refused_with_those_that_exist(api: Api, typed: str) -> None:
    alone = await assign(api, typed, "s", "audio")
    [bulk] = await operate(api, typed, {"assign": {"session_id": "s", "session_type": "audio"}})
    reported = await api.put(f"{typed}/sessions/s", json={"pool_id": "small-1", "session_type": "audio"})
    for status, body in ((alone.status_code, alone.json()), bulk.values(), (reported.status_code, reported.json())):
        assert (status, body["code"], body["session_type"]) == (422, "unknown_session_type", "audio")
        assert body["session_types"] == TYPES
    assert (await api.get(f"{typed}/sessions/s")).status_code == 404


async def test_a_fleet_without_types_has_the_default_one(api: Api, fleet: str) -> None:
    refused = await assign(api, fleet, "s", "video")
    assert (*refusal(refused), refused.json()["session_types"]) == (422, "unknown_session_type", ["default"])


async def test_without_an_active_pool_of_its_classes_a_type_has_none(api: Api, typed: str) -> None:
    refused = (await assign(api, typed, "s", "train")).json()
    assert (refused["code"], refused["session_type"], refused["pool_classes"]) == ("no_active_pool", "train", ["gpu"])
    assert "the classes that sessions of type `train` may use (gpu) have no active pool" in refused["detail"]


async def test_a_refusal_in_a_fleet_without_types_names_none(api: Api, fleet: str) -> None:
    for pool in ("small-1", "small-2", "large-1", "large-2"):
        await api.post(f"{fleet}/pools/{pool}/drain")
    refused = (await api.post(f"{fleet}/assign", json={})).json()
    assert (refused["code"], refused.keys() & {"session_type", "pool_classes"}) == ("no_active_pool", set())


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"policy": "slta"}, "policy slta does not take session types: use jlmu or observe"),
        ({"policy": "slta-greedy"}, "policy slta-greedy does not take session types: use jlmu or observe"),
        (
            {"order": {"kind": "index", "load_per_pool": 3}},
            "order.kind index prices a load without types: use kind paper",
        ),
    ],
)
async def test_typed_fleets_refuse_untyped_settings(api: Api, typed: str, change: dict[str, Any], detail: str) -> None:
    refused = await api.put(typed, json={**TYPED, **change})
    assert refusal(refused) == (422, "invalid_fleet")
    assert detail in refused.json()["detail"]
    assert (await assign(api, typed, "s", "video")).json()["pool_id"] == "large-1"


# Reports


async def test_a_restricted_key_reports_types(store: Any, typed: str, new_client: NewClient) -> None:
    key, entry = generate_key(["pool"], pools=["large-*"])
    client = new_client(store, access=Access({entry.id: entry}), key=key)
    body = {"pool_id": "large-1", "session_type": "video"}
    assert (await client.put(f"{typed}/sessions/a", json=body)).json()["session_type"] == "video"
    [bulk] = await operate(client, typed, {"report": {"session_id": "b", **body}})
    assert bulk["body"]["session_type"] == "video"
    [refused] = await operate(client, typed, {"report": {"session_id": "c", **body, "pool_id": "small-1"}})
    assert refused["body"]["code"] == "pool_not_allowed"


# A pool's own list


async def test_a_list_names_types_and_tells_which_sessions_may_not_be_there(api: Api, typed: str) -> None:
    body = {
        "as_of": await as_of(api, typed),
        "session_ids": ["a", "b", "c"],
        "session_types": {"a": "video", "b": "touch"},
    }
    told = (await api.put(f"{typed}/pools/large-1/sessions", json=body)).json()
    assert (told["adopted"], told["incompatible"]) == (["a", "c"], ["b"])
    kinds = [(await api.get(f"{typed}/sessions/{id_}")).json().get("session_type") for id_ in "abc"]
    assert kinds == ["video", None, "default"]


MANY = [f"session-{k}" for k in range(8192)]


@pytest.mark.parametrize(
    "types", [{"b": "audio"}, {id_: f"type-{id_}" for id_ in MANY}], ids=["one", "more than a call of the store takes"]
)
async def test_a_list_with_an_unknown_type_changes_nothing(api: Api, typed: str, types: dict[str, str]) -> None:
    await assign(api, typed, "stays", "video")
    body = {"as_of": await as_of(api, typed), "session_ids": list(types), "session_types": types}
    refused = await api.put(f"{typed}/pools/large-1/sessions", json=body)
    assert (*refusal(refused), refused.json()["session_types"]) == (422, "unknown_session_type", TYPES)
    assert (await api.get(f"{typed}/sessions/stays")).status_code == 200


async def test_a_list_never_changes_the_type_of_a_live_session(api: Api, typed: str) -> None:
    await assign(api, typed, "s", "video")
    body = {"as_of": await as_of(api, typed), "session_ids": ["s"], "session_types": {"s": "touch"}}
    told = (await api.put(f"{typed}/pools/large-1/sessions", json=body)).json()
    assert {name: found for name, found in told.items() if found} == {}
    assert (await api.get(f"{typed}/sessions/s")).json()["session_type"] == "video"


async def test_the_largest_list_with_types_is_taken(api: Api, typed: str) -> None:
    body = {"as_of": "1:1", "session_ids": MANY, "session_types": dict.fromkeys(MANY, "video")}
    assert refusal(await api.put(f"{typed}/pools/large-1/sessions", json=body)) == (409, "stale_report")


async def test_the_endpoints_have_the_classes_of_each_type(api: Api, typed: str) -> None:
    found = (await api.get(f"{typed}/endpoints")).json()
    assert found["session_types"] == {"default": ["small", "large", "gpu"], **TYPED["session_types"]}


# The placement route


async def test_a_proxy_names_the_type_in_a_header_and_a_visit_keeps_its_first_one(here: Served) -> None:
    await here.say(last(call("f", TYPED, method="PUT")))
    for sent in ("video", "", "touch"):
        assert (await placed(here, x_slta_session_type=sent))["x-slta-pool"] == "large-1"
    assert (await placed(here, x_session_id="b", x_slta_session_type="touch"))["x-slta-pool"] in ("small-1", "small-2")
    assert "x-slta-code" not in await placed(here, x_session_id="c", x_slta_session_type="")


@pytest.mark.parametrize("sent", ["audio", "no name", "video video", "type:video,x"])
async def test_an_unknown_type_is_refused_with_503_by_both_paths(sent: str, server: str, redis: Redis) -> None:
    talk = (ask(x_slta_session_type=sent), last(ask("HEAD")))
    direct, by_asgi = await both_ways([talk], server, redis)
    assert direct == by_asgi
    assert b"HTTP/1.1 503 " in direct[0]
    assert b"x-slta-code: unknown_session_type" in direct[0]
