"""The API in this process, on a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from redis import Redis

from slta.api.app import build_api
from slta.api.http.api_route import Exposition
from slta.auth.keys import Access
from slta.core.policies import POLICIES, Policy
from slta.fleet_file import Specs
from slta.metrics import Metrics
from slta.models.request_record import Scrape
from slta.store import Store
from testbed.faults import Proxy
from testbed.stores import connect
from tests.api.served import FLEET, PATIENT, Served, no_metrics, one_way
from tests.contract.declared import Witness

__all__ = ["FLEET", "PATIENT", "no_metrics"]


@pytest.fixture
def redis(server: str) -> Iterator[Redis]:
    with connect(server) as client:
        client.flushall()
        yield client


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def store(server: str, redis: Redis, metrics: Metrics) -> AsyncIterator[Store]:
    opened = await Store.open(PATIENT(server), metrics)
    yield opened
    await opened.close()


Api = httpx.AsyncClient
"""A client of the API."""
NewClient = Callable[..., Api]


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """The status of an answer, and the code of its problem."""
    return answer.status_code, answer.json()["code"]


@pytest.fixture
async def new_client(metrics: Metrics) -> AsyncIterator[NewClient]:
    """Clients of an API that is built with other options."""
    async with AsyncExitStack() as stack:

        def new(
            store: Any,
            *,
            key: str | None = None,
            address: str = "127.0.0.1",
            policies: Mapping[str, Policy] = POLICIES,
            **options: Any,
        ) -> Api:
            specs = Specs(policies)

            async def render(wanted: Scrape) -> Exposition:
                return await metrics.render(store, specs, wanted)

            given: dict[str, Any] = {
                "access": Access.open(),
                "render_metrics": render,
                "observe_request": metrics.observe,
            } | options
            app = build_api(store=store, specs=specs, **given)
            client = httpx.AsyncClient(
                transport=httpx.ASGITransport(app, client=(address, 1234)),
                base_url="http://localhost",
                headers={"Authorization": f"Bearer {key}"} if key else {},
                event_hooks={"response": [Witness(app)]},
            )
            stack.push_async_callback(client.aclose)
            return client

        yield new


@pytest.fixture
def api(store: Store, new_client: NewClient) -> Api:
    """A client that may do everything."""
    return new_client(store)


@pytest.fixture
async def fleet(api: Api) -> str:
    """The URL of a fleet with two small and two large pools."""
    assert (await api.put("/v1/fleets/f", json=FLEET)).status_code == 201
    return "/v1/fleets/f"


async def assign(api: Api, fleet: str, *session_ids: str) -> list[str]:
    """The pools that sessions were placed on."""
    placed = [await api.post(f"{fleet}/assign", json={"session_id": id_}) for id_ in session_ids]
    assert {answer.status_code for answer in placed} <= {201}
    return [answer.json()["pool_id"] for answer in placed]


async def operate(api: Api, fleet: str, *operations: dict[str, Any]) -> list[dict[str, Any]]:
    """The outcomes of a call that is taken."""
    answer = await api.post(f"{fleet}/operations", json={"operations": operations})
    assert answer.status_code == 200, answer.text
    outcomes: list[dict[str, Any]] = answer.json()["outcomes"]
    assert len(outcomes) == len(operations)
    return outcomes


async def as_of(api: Api, fleet: str) -> str:
    """Now, as a pool's report says it."""
    return str((await api.get(f"{fleet}/state")).json()["as_of"])


def dumped(redis: Redis) -> dict[bytes, bytes]:
    """Every key as it is stored."""
    return {key: redis.dump(key) for key in redis.scan_iter()}


async def pages_of(api: Api, url: str, limit: int, **filters: str) -> AsyncIterator[dict[str, Any]]:
    """The pages of a list."""
    query: dict[str, Any] = {"limit": limit, **filters}
    while query.get("cursor", "") is not None:
        page = (await api.get(url, params=query)).json()
        yield page
        query["cursor"] = page["next_cursor"]


async def fill(api: Api, fleet: str) -> None:
    await assign(api, fleet, *(f"filling-{k}" for k in range(14)))


@pytest.fixture
async def behind(between: tuple[Proxy, str], fleet: str, metrics: Metrics) -> AsyncIterator[Store]:
    """A store whose calls a test can hold up."""
    store = await Store.open(PATIENT(between[1]), metrics)
    yield store
    between[0].open.set()
    await store.close()


@pytest.fixture
async def here(server: str, redis: Redis) -> AsyncIterator[Served]:
    """A server that answers hot calls directly, whoever asks."""
    async with one_way(server, redis) as made:
        yield made
