"""Keys whose scope `pool` is restricted to some pools."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest

from slta.api.app import build_api
from slta.api.http.api_route import ApiRoute
from slta.auth.keys import Access, Principal, Scope, generate_key
from slta.models import errors
from slta.store import Store
from slta.store.sessions import report_option
from tests.api.conftest import Api, NewClient, as_of, no_metrics, pages_of, refusal

OWN, OTHER = "small-2", "large-2"
PATTERNS = ("small-*",)
CALLS: dict[tuple[str, str], Any] = {
    ("GET", "/pools/{pool_id}"): None,
    ("PUT", "/pools/{pool_id}"): {"pool_class": "small"},
    ("DELETE", "/pools/{pool_id}"): None,
    ("POST", "/pools/{pool_id}/drain"): None,
    ("POST", "/pools/{pool_id}/undrain"): None,
    ("POST", "/pools/{pool_id}/fail"): None,
    ("GET", "/pools/{pool_id}/sessions"): None,
    ("PUT", "/pools/{pool_id}/sessions"): {"as_of": "AS_OF", "session_ids": ["s"]},
    ("POST", "/pools"): {"pools": [{"pool_id": id_, "pool_class": "small"} for id_ in ("small-9", "{pool_id}")]},
    ("POST", "/pools/status"): {"status": "draining", "pool_ids": ["small-1", "{pool_id}"]},
    ("POST", "/pools/heartbeats"): {
        "heartbeats": [{"pool_id": id_, "ttl_seconds": 10} for id_ in ("small-9", "{pool_id}")]
    },
    ("PUT", "/sessions/{session_id}"): {"pool_id": "{pool_id}"},
}
"""Calls of the scope `pool` that name a pool, and their bodies; beside the pool stands one that the key may use."""
OPERATIONS = ("POST", "/operations")
"""It names pools too, and refuses each report by itself."""


def pool_routes() -> Iterator[tuple[str, str]]:
    """Calls of the scope `pool` that name a pool in the path or in the body."""
    nothing: Any = None
    app = build_api(store=nothing, access=Access.open(), render_metrics=no_metrics, docs_enabled=True)
    for route in app.routes:
        if isinstance(route, ApiRoute) and "pool" in route.route_options.scopes:
            body: Any = route.body_field and route.body_field.field_info.annotation
            if "{pool_id}" in route.path or (body and '"pool_id' in json.dumps(body.model_json_schema())):
                yield from ((method, route.path.removeprefix("/v1/fleets/{fleet}")) for method in route.methods or ())


def test_every_call_that_names_a_pool_is_in_the_table() -> None:
    assert set(pool_routes()) == CALLS.keys() | {OPERATIONS}


class Bound(NamedTuple):
    """A client with a restricted key, one that may do everything, and the fleet's URL."""

    client: Api
    admin: Api
    fleet: str

    async def call(self, method: str, path: str, pool_id: str) -> Any:
        """A call of the table about a pool."""
        body = json.dumps(CALLS[method, path]).replace("{pool_id}", pool_id)
        body = body.replace("AS_OF", await as_of(self.admin, self.fleet))
        path = path.replace("{pool_id}", pool_id).replace("{session_id}", "s")
        return await self.client.request(method, f"{self.fleet}{path}", json=json.loads(body))

    async def pools_and_events(self) -> Sequence[Any]:
        return [(await self.admin.get(f"{self.fleet}/{name}")).json() for name in ("pools", "events")]


class Open:
    """Makes clients with keys of some scopes, restricted to some pools."""

    def __init__(self, store: Store, new_client: NewClient, admin: Api, fleet: str) -> None:
        self._parts = store, new_client, admin, fleet

    def __call__(
        self,
        *scopes: Scope,
        pools: Sequence[str] = PATTERNS,
        classes: Sequence[str] = ("small",),
        most_pools: int | None = 4,
    ) -> Bound:
        store, new_client, admin, fleet = self._parts
        key, entry = generate_key(scopes, (), pools, classes, most_pools)
        return Bound(new_client(store, key=key, access=Access({entry.id: entry})), admin, fleet)


@pytest.fixture
def opened(store: Store, new_client: NewClient, api: Api, fleet: str) -> Open:
    return Open(store, new_client, api, fleet)


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_a_pool_of_others_is_refused_and_nothing_changes(opened: Open, method: str, path: str) -> None:
    bound = opened("pool")
    before = await bound.pools_and_events()
    assert refusal(await bound.call(method, path, OTHER)) == (403, "pool_not_allowed")
    assert await bound.pools_and_events() == before


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_a_pool_of_its_own_is_not_refused(opened: Open, method: str, path: str) -> None:
    assert (await opened("pool").call(method, path, OWN)).is_success


POST, PUT = CREATIONS = ("POST", "/pools"), ("PUT", "/pools/{pool_id}")
"""Of the first small-9 and another, of the second one, beside the two that the fleet has."""


@pytest.mark.parametrize(("method", "path"), [call for call in CALLS if call not in CREATIONS])
async def test_a_key_without_classes_creates_no_pool_and_does_all_else(opened: Open, method: str, path: str) -> None:
    bound = opened("pool", classes=(), most_pools=None)
    for creation in CREATIONS:
        assert refusal(await bound.call(*creation, OWN)) == (403, "pool_quota")
    assert (await bound.call(method, path, OWN)).is_success


@pytest.mark.parametrize(
    ("call", "classes", "most"), [(POST, "small", 3), (PUT, "small", 2), (POST, "large", 9), (PUT, "large", 9)]
)
async def test_pools_beyond_a_key_are_not_created(opened: Open, call: tuple[str, str], classes: str, most: int) -> None:
    bound = opened("pool", classes=[classes], most_pools=most)
    before = await bound.pools_and_events()
    assert refusal(await bound.call(*call, "small-8")) == (403, "pool_quota")
    assert await bound.pools_and_events() == before


async def test_of_pools_created_at_once_as_many_come_as_the_key_may_have(opened: Open) -> None:
    bound = opened("pool", pools=("*-9", "small-*", OWN, OTHER), most_pools=5)
    answers = await asyncio.gather(*(bound.call(*PUT, f"small-{number}") for number in range(3, 9)))
    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [403] * 4
    assert refusal(await bound.call(*PUT, "large-9")) == (403, "pool_quota")
    assert (await bound.call(*PUT, OWN)).is_success, "one that exists"


async def test_a_pool_of_others_looks_the_same_whether_it_exists_or_not(opened: Open) -> None:
    bound = opened("pool")
    answers = [await bound.client.get(f"{bound.fleet}/pools/{name}") for name in (OTHER, "nobody", "small-77")]
    assert [refusal(answer) for answer in answers] == [(403, "pool_not_allowed")] * 2 + [(404, "unknown_pool")]


@pytest.mark.parametrize(
    ("call", "body"), [("status", {"status": "draining", "pool_class": "small"}), ("guard", {"action": "end"})]
)
async def test_what_names_no_pools_is_not_for_a_key_of_some(opened: Open, call: str, body: dict[str, str]) -> None:
    bound = opened("pool")
    before = await bound.pools_and_events()
    assert refusal(await bound.client.post(f"{bound.fleet}/pools/{call}", json=body)) == (403, "pool_not_allowed")
    assert await bound.pools_and_events() == before


async def listed(bound: Bound) -> list[list[str]]:
    """Pool ids by page of two."""
    return [
        sorted(pool["pool_id"] for pool in page["pools"])
        async for page in pages_of(bound.client, f"{bound.fleet}/pools", 2)
    ]


async def test_the_list_has_its_own_pools_in_full_pages(opened: Open) -> None:
    every = await listed(opened("pool", "read"))
    own = await listed(opened("pool", pools=("*-2",)))
    assert (list(map(len, every)), own) == ([2, 2], [["large-2", "small-2"]])


async def test_the_scope_read_reads_every_pool_and_changes_none(opened: Open) -> None:
    bound = opened("pool", "read")
    assert (await bound.client.get(f"{bound.fleet}/pools/{OTHER}")).status_code == 200
    assert refusal(await bound.call("POST", "/pools/{pool_id}/drain", OTHER)) == (403, "pool_not_allowed")


async def report(client: Api, fleet: str, pool_id: str) -> Any:
    return await client.put(f"{fleet}/sessions/s", json={"pool_id": pool_id})


async def test_a_report_does_not_take_a_session_from_a_pool_of_others(opened: Open) -> None:
    bound = opened("pool")
    await report(bound.admin, bound.fleet, OTHER)
    assert refusal(await report(bound.client, bound.fleet, OWN)) == (403, "pool_not_allowed")
    assert (await bound.admin.get(f"{bound.fleet}/sessions/s")).json()["pool_id"] == OTHER


def reports(*pairs: tuple[str, str], **further: bool) -> dict[str, Any]:
    return {"operations": [{"report": {"session_id": id_, "pool_id": pool, **further}} for id_, pool in pairs]}


async def test_of_many_reports_those_about_pools_of_others_are_refused_and_the_rest_is_made(opened: Open) -> None:
    bound = opened("pool")
    await report(bound.admin, bound.fleet, OTHER)
    many = reports(("a", OWN), ("b", OTHER), ("s", OWN), ("c", "small-1"), ("a", "small-1"))
    outcomes = (await bound.client.post(f"{bound.fleet}/operations", json=many)).json()["outcomes"]
    refused = [(outcome["status"], outcome["body"].get("code")) for outcome in outcomes]
    assert refused == [(201, None), (403, "pool_not_allowed"), (403, "pool_not_allowed"), (201, None), (200, None)]
    pools = [outcome["body"].get("pool_id") for outcome in outcomes]
    assert pools == [OWN, None, None, "small-1", "small-1"]
    assert (await bound.admin.get(f"{bound.fleet}/sessions/b")).status_code == 404
    assert (await bound.admin.get(f"{bound.fleet}/sessions/s")).json()["pool_id"] == OTHER


ALL_REFUSED = [("a", OTHER)]
LATE = [("a", OWN), ("b", OTHER), ("s", OWN)]
IN_SLICES = [("x", OTHER) if k % 3 else (f"s-{k}", OWN) for k in range(70)]


@pytest.mark.parametrize(("made", "late"), [(ALL_REFUSED, False), (LATE, True), (IN_SLICES, False)])
async def test_refusals_keep_the_place_of_their_report(opened: Open, made: list[tuple[str, str]], late: bool) -> None:
    bound = opened("pool")
    await report(bound.admin, bound.fleet, OTHER)
    answer = await bound.client.post(f"{bound.fleet}/operations", json=reports(*made, late=late))
    refused = [(OTHER in pair or "s" in pair) for pair in made]
    assert [outcome["status"] == 403 for outcome in answer.json()["outcomes"]] == refused


async def test_a_report_moves_a_session_between_its_own_pools(opened: Open) -> None:
    bound = opened("pool")
    outcomes = [(await report(bound.client, bound.fleet, pool)).json()["outcome"] for pool in ("small-1", OWN, OWN)]
    assert outcomes == ["new", "moved", "same"]


async def test_a_report_of_an_ended_session_is_answered_as_to_every_key(opened: Open) -> None:
    bound = opened("pool")
    await report(bound.admin, bound.fleet, OTHER)
    await bound.admin.post(f"{bound.fleet}/complete", json={"session_id": "s"})
    assert refusal(await report(bound.client, bound.fleet, OWN)) == (409, "session_ended")


async def test_a_pools_own_list_does_not_take_sessions_of_others(opened: Open) -> None:
    bound = opened("pool")
    await report(bound.admin, bound.fleet, OTHER)
    told = (await bound.call("PUT", "/pools/{pool_id}/sessions", OWN)).json()
    assert (told["elsewhere"], told["adopted"]) == (["s"], [])


async def test_other_scopes_of_the_key_are_not_restricted(opened: Open) -> None:
    bound = opened("pool", "assign", "complete")
    classes = (await bound.client.get(f"{bound.fleet}/endpoints")).json()["classes"]
    assert [pool_id for one in classes for pool_id in one["pool_ids"]] == ["small-1", "small-2", "large-1", "large-2"]
    placed = [await bound.client.post(f"{bound.fleet}/assign", json={"session_id": f"s-{k}"}) for k in range(8)]
    assert OTHER in {answer.json()["pool_id"] for answer in placed}
    ended = [await bound.client.post(f"{bound.fleet}/complete", json={"session_id": f"s-{k}"}) for k in range(8)]
    assert {answer.status_code for answer in ended} == {200}


PATTERN_CASES = [
    ("small-*", "small-1", True),
    ("small-*", "small-", True),
    ("small-*", "x-small-1", False),
    ("*-1", "small-1", True),
    ("*-1", "small-11", False),
    ("a*b*c", "a-b-b-c", True),
    ("a*b*c", "a-c-b", False),
    ("a*x*b*c", "a-b-c", False),
    ("ab*ba", "aba", False),
    ("a*bc*c", "a-bc", False),
    ("a**b", "a-b", True),
    ("*", "anything", True),
    ("small-1", "small-1", True),
    ("small-1", "small-11", False),
    ("a.b", "a-b", False),
    ("a*.*b", "a-b", False),
    ("A*", "a1", False),
    ("a*", "A1", False),
    ("*a" * 60 + "*b", "a" * 128, False),  # decided at once, not by trying each way
]


@pytest.mark.parametrize(("pattern", "pool_id", "covered"), PATTERN_CASES)
def test_a_star_stands_for_any_characters_and_all_else_for_itself(pattern: str, pool_id: str, covered: bool) -> None:
    assert Principal("k", frozenset({"pool"}), None, frozenset({pattern})).may_use_pool(pool_id) is covered


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(("pattern", "pool_id", "covered"), PATTERN_CASES)
async def test_the_store_reads_patterns_alike(store: Store, pattern: str, pool_id: str, covered: bool) -> None:
    report = store.sessions.report("f", "s", report_option(pool_id, only={"none", pattern}), None)
    [outcome] = await asyncio.gather(report, return_exceptions=True)
    assert isinstance(outcome, errors.PoolNotAllowedError) is not covered, outcome


async def test_a_report_does_not_take_what_the_same_call_has_placed_elsewhere(opened: Open) -> None:
    bound = opened("pool", "assign", pools=("small-1",))
    session = {"session_id": "s"}
    operations = [{"assign": session}, {"report": session | {"pool_id": "small-1"}}]
    placed, reported = (await bound.client.post(f"{bound.fleet}/operations", json={"operations": operations})).json()[
        "outcomes"
    ]
    assert placed["body"]["pool_class"] == "large"
    assert (reported["status"], reported["body"]["code"]) == (403, "pool_not_allowed")
