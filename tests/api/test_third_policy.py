"""A dispatcher that is given a table of three policies serves the third as it serves its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from slta.core.policies import POLICIES
from slta.metrics import Metrics
from slta.store import Store
from tests.api.conftest import FLEET, PATIENT, Api, NewClient, refusal
from tests.toy.uniform import LIBRARY, UNIFORM, WITH_UNIFORM


@pytest.fixture
async def api(server: str, redis: object, metrics: Metrics, new_client: NewClient) -> AsyncIterator[Api]:
    store = await Store.open(PATIENT(server), metrics, LIBRARY)
    yield new_client(store, policies=WITH_UNIFORM, docs_enabled=True)
    await store.close()


async def test_a_fleet_under_the_third_policy_is_made_filled_and_seen(api: Api) -> None:
    created = await api.put("/v1/fleets/f", json=FLEET | {"policy": "uniform"})
    assert (created.status_code, created.json()["policy"]) == (201, "uniform")
    following = (await api.get("/v1/fleets/f/next")).json()
    assert (following["steps"][0]["rule"], following["token"]) == ("any pool with room", "open")
    placed = [(await api.post("/v1/fleets/f/assign", json={})).json() for _ in range(14)]
    assert {placement["token"] for placement in placed} == {"open"}
    assert (await api.get(f"/v1/fleets/f/sessions/{placed[0]['session_id']}")).json()["token"] == "open"
    assert (await api.post("/v1/fleets/f/assign", json={})).json()["code"] == "no_capacity"
    assert (await api.get("/v1/fleets/f/next")).json()["refused"] == "no_capacity"
    state = (await api.get("/v1/fleets/f/state")).json()
    assert (state["policy"], state["sessions"]["active"], state["min_green_to_decrement"]) == ("uniform", 14, None)
    assert 'slta_assignments_total{fleet="f",pool_class="small",token="open"} 6.0' in (await api.get("/metrics")).text


async def test_the_reference_names_the_policies_of_the_table_and_their_tokens(api: Api) -> None:
    schemas = (await api.get("/openapi.json")).json()["components"]["schemas"]
    assert schemas["FleetBody"]["properties"]["policy"]["enum"] == list(WITH_UNIFORM)
    for answer in ("Placement", "Session"):
        assert set(UNIFORM.tokens) < set(schemas[answer]["properties"]["token"]["anyOf"][0]["enum"])


async def test_a_policy_that_is_not_in_the_table_is_refused_by_name(store: Store, new_client: NewClient) -> None:
    answer = await new_client(store).put("/v1/fleets/f", json=FLEET | {"policy": "uniform"})
    assert refusal(answer) == (422, "invalid_fleet")
    assert answer.json()["detail"] == f"policy: must be one of {', '.join(POLICIES)}, auto"
