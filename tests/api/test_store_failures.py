"""What clients hear when the store is gone, full or silent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from redis import Redis

from slta.metrics import Metrics
from slta.store import Store, StoreSettings
from testbed.servers import EMBEDDED, running_server
from tests.api.conftest import FLEET, PATIENT, Api, NewClient, assign, refusal


@pytest.fixture
def own_server() -> Iterator[str]:
    """A server that the test may break."""
    with running_server(EMBEDDED, "--maxmemory-policy", "noeviction") as url:
        yield url


@pytest.fixture
async def patient(own_server: str, new_client: NewClient, metrics: Metrics) -> AsyncIterator[Api]:
    """A client of that server that waits for it."""
    store = await Store.open(PATIENT(own_server), metrics)
    client = new_client(store)
    assert (await client.put("/v1/fleets/f", json=FLEET)).status_code == 201
    yield client
    await store.close()


@pytest.fixture
async def hasty(
    patient: Api,  # for its fleet
    own_server: str,
    new_client: NewClient,
    metrics: Metrics,
) -> AsyncIterator[Api]:
    """A client whose store gives up soon."""
    store = await Store.open(StoreSettings(own_server, call_timeout_seconds=0.2, deadline_seconds=0.3), metrics)
    yield new_client(store)
    await store.close()


def stop(url: str) -> None:
    with Redis.from_url(url) as redis:
        redis.shutdown(nosave=True)


async def test_without_a_store_every_call_is_503_and_says_when_to_come_back(hasty: Api, own_server: str) -> None:
    stop(own_server)
    for method, url, body in (
        ("POST", "/v1/fleets/f/assign", {"session_id": "a"}),
        ("POST", "/v1/fleets/f/complete", {"session_id": "a"}),
        ("GET", "/v1/fleets/f/state", None),
        ("GET", "/v1/fleets", None),
        ("PUT", "/v1/fleets/f", FLEET),
    ):
        answer = await hasty.request(method, url, json=body)
        assert answer.status_code == 503
        assert answer.json()["code"] in ("store_unavailable", "outcome_unknown")
        assert int(answer.headers["Retry-After"]) >= 1
    assert (await hasty.get("/v1/fleets/f/state")).json()["code"] == "store_unavailable"


async def test_without_a_store_the_metrics_say_so(hasty: Api, own_server: str) -> None:
    stop(own_server)
    await hasty.post("/v1/fleets/f/assign", json={"session_id": "a"})
    text = (await hasty.get("/metrics")).text
    assert "slta_store_up 0.0" in text
    assert 'slta_store_errors_total{error_type="connection"}' in text
    assert "slta_pools{" not in text


async def test_a_full_store_takes_no_sessions_but_lets_them_end(patient: Api, own_server: str) -> None:
    await assign(patient, "/v1/fleets/f", "a")
    with Redis.from_url(own_server) as redis:
        redis.config_set("maxmemory", 1)
        refused = await patient.post("/v1/fleets/f/assign", json={"session_id": "b"})
        ended = await patient.post("/v1/fleets/f/complete", json={"session_id": "a"})
    assert refusal(refused) == (503, "store_unavailable")
    assert (ended.status_code, ended.json()["outcome"]) == (200, "completed")
