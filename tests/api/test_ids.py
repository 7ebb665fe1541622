"""No session without somebody who knows its id: an unknown outcome names it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from redis import Redis

from slta.api.app import build_api
from slta.auth.keys import Access
from slta.metrics import Metrics
from slta.store import Store, StoreSettings
from testbed.faults import Proxy
from tests.api.conftest import Api, no_metrics
from tests.api.served import served

SHORT = {"lease_seconds": 15}


@pytest.fixture(params=[True, False], ids=["direct", "by FastAPI"])
async def hasty(
    request: pytest.FixtureRequest, between: tuple[Proxy, str], fleet: str, metrics: Metrics
) -> AsyncIterator[Api]:
    """A client whose hot calls are answered in one of the two ways, by a store that soon gives up."""
    store = Store(StoreSettings(between[1], call_timeout_seconds=30, deadline_seconds=0.3), metrics)
    app = build_api(store=store, access=Access.open(), render_metrics=no_metrics)
    async with (
        served(app, fast_path=request.param) as here,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{here.port}") as client,
    ):
        yield client
        between[0].lose = 0
    await store.close()


async def unheard(between: tuple[Proxy, str], client: Api, call: str, body: object) -> httpx.Response:
    """The answer to a call that runs while every reply of the store is lost."""
    between[0].lose = 1_000_000
    answer = await client.post(call, json=body)
    between[0].lose = 0
    return answer


async def test_unknown_outcomes_name_the_session(hasty: Api, between: tuple[Proxy, str], api: Api, fleet: str) -> None:
    answer = await unheard(between, hasty, f"{fleet}/assign", {})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (503, "outcome_unknown")
    assert len(problem["session_id"]) == 32
    again = await api.post(f"{fleet}/assign", json={"session_id": problem["session_id"]})
    assert (again.status_code, again.json()["replayed"]) == (200, True), "it was placed, and can be asked for"
    ended = await api.post(f"{fleet}/complete", json={"session_id": problem["session_id"]})
    assert ended.json()["outcome"] == "completed"


async def test_in_a_call_of_many_each_unknown_outcome_names_its_own(
    hasty: Api, between: tuple[Proxy, str], api: Api, redis: Redis, fleet: str
) -> None:
    operations: list[dict[str, Any]] = [{"assign": {}}, {"assign": {"session_id": "mine"}}, {"assign": SHORT}]
    answer = await unheard(between, hasty, f"{fleet}/operations", {"operations": operations})
    bodies = [outcome["body"] for outcome in answer.json()["outcomes"]]
    assert {body["code"] for body in bodies} == {"outcome_unknown"}
    named = {body["session_id"] for body in bodies}
    assert "mine" in named
    assert set((await api.post(f"{fleet}/renew", json={"session_ids": sorted(named)})).json()["renewed"]) == named
    assert redis.hlen("{f}:sessions") == len(named), "whatever was placed is named"


@pytest.mark.parametrize("call", ["complete", "renew"])
async def test_so_do_complete_and_renew(hasty: Api, between: tuple[Proxy, str], fleet: str, call: str) -> None:
    body = {"complete": {"session_id": "s"}, "renew": {"session_ids": ["s"]}}[call]
    answer = await unheard(between, hasty, f"{fleet}/{call}", body)
    assert (answer.json()["code"], answer.json()["session_id"]) == ("outcome_unknown", "s")
