import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from slta_loadgen.client import Client, ServiceError
from tests.loadgen.standin import DROP_AFTER, DROP_BEFORE, Fault, StandIn


@pytest.fixture
async def client(service: StandIn) -> AsyncIterator[Client]:
    key = {"Authorization": "Bearer key"}
    async with service.serving() as url, Client(url, "default", headers=key, timeout_seconds=5.0) as client:
        yield client


async def test_an_assign_is_placed_and_the_same_id_again_replayed(client: Client) -> None:
    first, second = await client.assign("s-1"), await client.assign("s-1", lease_seconds=30.0)

    assert (first.status, first.code) == (201, "placed")
    assert (second.status, second.code) == (200, "replayed")
    assert first.body["pool_id"] == second.body["pool_id"]


async def test_a_complete_says_whether_it_ended_the_session(client: Client) -> None:
    await client.assign("s-1")

    assert [(await client.complete("s-1")).code for _ in range(2)] == ["completed", "already_ended"]
    assert (await client.complete("s-2")).code == "unknown_session"
    assert (await client.assign("s-1")).code == "session_ended"


async def test_the_key_is_sent_as_a_bearer_token(client: Client, service: StandIn) -> None:
    await client.assign("s-1")

    assert service.headers[0]["Authorization"] == "Bearer key"
    assert service.headers[0]["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("fault", "code", "in_doubt"),
    [
        ((503, "outcome_unknown"), "outcome_unknown", True),
        ((503, "store_unavailable"), "store_unavailable", False),
        ((500, "internal_error"), "internal_error", True),
        ((429, "no_capacity"), "no_capacity", False),
        ((422, "invalid_request"), "invalid_request", False),
        (DROP_BEFORE, "disconnected", True),
        (DROP_AFTER, "disconnected", True),
    ],
)
async def test_every_failure_has_a_code_and_is_known_to_leave_doubt_or_none(
    client: Client, service: StandIn, fault: Fault, code: str, in_doubt: bool
) -> None:
    service.faults["assign"].append(fault)
    reply = await client.assign("s-1")

    assert reply.code == code
    assert reply.in_doubt is in_doubt


async def test_silence_is_a_timeout_and_leaves_doubt(service: StandIn) -> None:
    service.open_gate.clear()
    async with service.serving() as url:
        async with Client(url, "default", timeout_seconds=0.5) as client:
            reply = await client.assign("s-1")
        service.open_gate.set()

    assert reply.code == "timeout"
    assert reply.in_doubt


async def test_a_service_that_is_not_there_leaves_no_doubt() -> None:
    async with Client(f"http://127.0.0.1:{unused_port()}", "default") as client:
        reply = await client.assign("s-1")

    assert reply.code == "unreachable"
    assert not reply.in_doubt


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [(200, "hello", "invalid_reply"), (200, "{}", "invalid_reply"), (502, "<html>", "http_502"), (404, "", "http_404")],
)
async def test_an_answer_that_is_not_the_services_is_told_apart(status: int, text: str, code: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    app = web.Application()
    app.router.add_post("/v1/fleets/default/assign", answer)
    async with TestServer(app) as server, Client(str(server.make_url("/")), "default") as client:
        assert (await client.assign("s-1")).code == code


async def test_pools_are_read_page_by_page(client: Client) -> None:
    await client.assign("s-1")

    occupancies = {pool["pool_id"]: pool["occupancy"] for pool in await client.pools()}
    assert occupancies == {"small-1": 1, "small-2": 0, "small-3": 0}


async def test_a_refused_call_raises_with_the_problems_code(client: Client) -> None:
    with pytest.raises(ServiceError, match="http_404") as error:
        await client.call("POST", "pools/small-1/drain")

    assert error.value.status == 404


async def test_requests_beyond_the_connections_wait_for_one(service: StandIn) -> None:
    service.open_gate.clear()
    async with service.serving() as url, Client(url, "default", connections=2) as client:
        calls = [asyncio.create_task(client.assign(f"s-{k}")) for k in range(5)]
        await service.has_received(2)
        service.open_gate.set()
        replies = await asyncio.gather(*calls)

    assert [reply.code for reply in replies] == ["placed"] * 5
