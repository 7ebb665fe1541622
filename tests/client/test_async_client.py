"""The asyncio client against a real dispatcher."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Callable
from math import inf, nan
from typing import Any

import pytest

from slta_client import AsyncClient, RefusedError, SessionEndedError, SessionLostError, UnavailableError
from slta_client.session import OnLost
from testbed.awaiting import eventually
from testbed.gate import Answer, Gate, Silence, Unsent
from testbed.live_fleet import Fleet
from tests.client.conftest import NewFleet
from tests.inventory import each


@pytest.fixture
async def client(fleet: Fleet) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(fleet.service.url, fleet.name, timeout=30) as client:
        yield client


async def test_a_session_lives_as_long_as_its_block_and_knows_its_pool(fleet: Fleet) -> None:
    async with AsyncClient(fleet.service.url, fleet.name, timeout=30) as client, client.session("u-7") as session:
        assert (session.id, session.fleet, session.pool_class) == ("u-7", fleet.name, "c")
        assert session.address == f"10.0.0.{session.pool_id[-1]}:80"
        assert fleet.status("u-7") == 200
    assert fleet.status("u-7") == 409


async def test_a_session_ends_with_its_block_while_the_client_stays_open(client: AsyncClient, fleet: Fleet) -> None:
    async with client.session("u-7"):
        pass
    await eventually(lambda: fleet.status("u-7") == 409)


async def test_ids_are_chosen_if_none_is_given(client: AsyncClient) -> None:
    async with client.session() as one, client.session() as other:
        assert one.id != other.id
        assert len(one.id) == 32


async def test_a_live_session_stays_on_its_pool_and_gets_the_clients_lease(client: AsyncClient, fleet: Fleet) -> None:
    before = fleet.call("POST", "assign", {"session_id": "u-7", "lease_seconds": 10_000})
    async with client.session("u-7") as session:
        assert (session.pool_id, session.replayed, session.lease_seconds) == (before["pool_id"], True, 300)


async def test_an_error_of_the_block_comes_through_and_the_session_ends(fleet: Fleet) -> None:
    with pytest.raises(ZeroDivisionError):
        async with AsyncClient(fleet.service.url, fleet.name, timeout=30) as client, client.session("u-7"):
            raise ZeroDivisionError
    assert fleet.status("u-7") == 409


async def test_a_session_outlives_its_first_lease(fleet: Fleet) -> None:
    async with (
        AsyncClient(fleet.service.url, fleet.name, timeout=30, lease_seconds=0.6) as client,
        client.session("u-7") as session,
    ):
        first_end = session.lease_ends_at
        await eventually(lambda: session.lease_ends_at - session.lease_seconds > first_end)
        assert fleet.status("u-7") == 200


# Losses


async def lose(
    client: AsyncClient, fleet: Fleet, told: Callable[[], object], by: str = "completed", on_lost: OnLost | None = None
) -> None:
    """A block in which the session's place is given away, until it is `told`."""
    async with client.session("u-7", on_lost=on_lost) as session:
        if by == "failed":
            fleet.call("POST", f"pools/{session.pool_id}/fail")
        else:
            fleet.complete("u-7")
        await eventually(told)
        if by == "error":
            raise ZeroDivisionError


@pytest.mark.parametrize("by", ["completed", "failed"])
async def test_a_lost_session_is_told_while_it_lasts_and_raised_at_its_end(fleet: Fleet, by: str) -> None:
    reasons: list[str] = []
    async with AsyncClient(
        fleet.service.url, fleet.name, timeout=30, lease_seconds=0.6, on_lost=reasons.append
    ) as client:
        with pytest.raises(SessionLostError, match=by):
            await lose(client, fleet, lambda: reasons, by)
    assert reasons == [by]


async def test_on_lost_of_a_session_is_called_instead_of_the_clients(fleet: Fleet) -> None:
    mine: list[str] = []
    general: list[str] = []
    async with AsyncClient(
        fleet.service.url, fleet.name, timeout=30, lease_seconds=0.6, on_lost=general.append
    ) as client:
        with pytest.raises(SessionLostError):
            await lose(client, fleet, lambda: mine, on_lost=mine.append)
    assert (mine, general) == (["completed"], [])


async def test_errors_in_on_lost_end_no_renewal(fleet: Fleet, between: Gate, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: str) -> None:
        raise ZeroDivisionError

    client = AsyncClient(between.url, fleet.name, timeout=30, lease_seconds=0.6, on_lost=fail)
    async with client, client.session("stays"):
        with pytest.raises(SessionLostError):
            await lose(client, fleet, lambda: caplog.records)
        renewals = between.named("renew").count("stays")
        await eventually(lambda: between.named("renew").count("stays") > renewals + 1)


async def test_an_error_of_the_block_of_a_lost_session_is_not_hidden(fleet: Fleet) -> None:
    reasons: list[str] = []
    async with AsyncClient(
        fleet.service.url, fleet.name, timeout=30, lease_seconds=0.6, on_lost=reasons.append
    ) as client:
        with pytest.raises(ZeroDivisionError):
            await lose(client, fleet, lambda: reasons, "error")


# Refusals


async def test_the_next_fleet_of_a_list_is_taken_when_the_first_is_full(new_fleet: NewFleet) -> None:
    near, far = new_fleet(pools=1, capacity=1), new_fleet(pools=1, capacity=1)
    client = AsyncClient(near.service.url, fleets=[near.name, far.name])
    async with client, client.session() as first, client.session() as second:
        assert (first.fleet, second.fleet) == (near.name, far.name)
    assert (near.counter("assigned"), far.counter("assigned")) == (1, 1)


async def test_a_used_id_is_refused_with_the_reason(client: AsyncClient, fleet: Fleet) -> None:
    fleet.call("POST", "assign", {"session_id": "used"})
    fleet.complete("used")
    with pytest.raises(SessionEndedError) as caught:
        async with client.session("used"):
            pass
    assert caught.value.reason == "completed"


async def test_a_fleet_that_does_not_exist_is_an_error(fleet: Fleet) -> None:
    async with AsyncClient(fleet.service.url, "absent") as client:
        with pytest.raises(RefusedError, match="unknown_fleet"):
            async with client.session():
                pass


async def test_a_closed_client_places_nothing(client: AsyncClient) -> None:
    await client.aclose()
    with pytest.raises(RuntimeError, match="closed"):
        async with client.session():
            pass


async def test_a_cancelled_placement_is_ended(fleet: Fleet, between: Gate) -> None:
    between.choose = lambda request: Silence(applied=True) if request.call == "assign" else None
    async with AsyncClient(between.url, fleet.name, timeout=30) as client:
        entering = asyncio.create_task(client.session("u-7").__aenter__())
        await eventually(lambda: between.replies)
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
    assert (fleet.status("u-7"), fleet.live) == (409, 0)


async def test_cancelled_placements_leave_nothing_and_block_nothing(fleet: Fleet) -> None:
    async with AsyncClient(fleet.service.url, fleet.name) as client:
        tasks = [asyncio.create_task(client.session().__aenter__()) for _ in range(300)]
        await eventually(lambda: fleet.live)
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert asyncio.CancelledError in map(type, done)
        async with client.session():
            pass
    assert fleet.live == 0


async def test_an_id_is_in_one_block_at_a_time(client: AsyncClient, fleet: Fleet) -> None:
    async with client.session("u-7"):
        with pytest.raises(RefusedError, match="session_in_use"):
            await client.session("u-7").__aenter__()
        assert fleet.status("u-7") == 200


# Bursts


@pytest.mark.parametrize("count", [300, 1000])
async def test_a_burst_is_placed_by_slta_and_live_sessions_are_renewed(new_fleet: NewFleet, count: int) -> None:
    fleet, by = new_fleet(pools=4), Counter[str]()
    options: dict[str, Any] = {"fallback": "two-choices", "lease_seconds": 30}

    async def play(client: AsyncClient) -> None:
        async with client.session() as session:
            by[session.placed_by] += 1

    async with AsyncClient(fleet.service.url, fleet.name, **options) as client, client.session() as live:
        for _ in range(2):
            await asyncio.gather(*(play(client) for _ in range(count)))
        await play(client)
        live.due_at = 0
        client._engine.leases._lanes[fleet.name].renewals.add(live)
        client._engine.changed.set()
        await eventually(lambda: live.due_at)
    assert (by, fleet.live, fleet.counter("assigned")) == ({"slta": 2 * count + 1}, 0, 2 * count + 2)


# Event loops


async def one_session(client: AsyncClient) -> None:
    async with client.session():
        pass


def forget(made: list[AsyncClient]) -> None:
    made.clear()
    gc.collect()


def test_a_second_event_loop_is_refused_and_a_client_that_is_not_closed_warns(fleet: Fleet) -> None:
    made = [AsyncClient(fleet.service.url, fleet.name)]
    asyncio.run(one_session(made[0]))
    for use in one_session, AsyncClient.__aenter__, AsyncClient.aclose:
        with pytest.raises(RuntimeError, match="event loop"):
            asyncio.run(use(made[0]))
    with pytest.warns(ResourceWarning, match="not closed"):
        forget(made)


# Connections


async def test_a_lame_ducks_closed_connection_is_replaced_without_an_error(fleet: Fleet, between: Gate) -> None:
    async with AsyncClient(between.url, fleet.name, timeout=30) as client:
        for _ in range(10):
            async with client.session():
                await between.close_idle()
    assert fleet.counter("assigned") == fleet.counter("completed") == 10


async def test_a_connection_that_ends_under_a_request_is_replaced_at_once(fleet: Fleet, between: Gate) -> None:
    """Ten times, which the budget of three would not allow."""
    between.choose = lambda request: Unsent() if request.is_reused and request.call == "assign" else None
    async with AsyncClient(between.url, fleet.name, timeout=30) as client:
        for _ in range(10):
            async with client.session():
                pass
    assert fleet.counter("assigned") == fleet.counter("completed") == 10


async def test_a_new_connection_that_is_cut_costs_the_budget(fleet: Fleet, between: Gate) -> None:
    between.choose = lambda request: Unsent() if request.call == "assign" else None
    async with AsyncClient(between.url, fleet.name, timeout=30) as client:
        with pytest.raises(UnavailableError, match="disconnected"):
            await client.session().__aenter__()
    assert len(between.named("assign")) == 4


async def test_connection_close_is_honoured(fleet: Fleet, between: Gate) -> None:
    closing = Answer(503, "store_unavailable", close=True)
    first = iter([closing])
    between.choose = lambda _: next(first, None)
    async with AsyncClient(between.url, fleet.name, timeout=30) as client, client.session():
        pass
    assert [request.is_reused for request in between.requests[:2]] == [False, False]


async def test_many_ends_are_one_call(fleet: Fleet, between: Gate) -> None:
    client = AsyncClient(between.url, fleet.name, timeout=30)
    blocks = [client.session() for _ in range(50)]
    await asyncio.gather(*(block.__aenter__() for block in blocks))
    await client.aclose()
    bulks = [{kind for kind, _ in request.operations} for request in between.requests if request.call == "operations"]
    assert bulks.count({"complete"}) == 1
    for block in blocks:
        await block.__aexit__(None, None, None)
    assert (fleet.counter("completed"), fleet.live) == (50, 0)


@each(
    ("url", "key", "text"),
    [
        ("localhost:8080", None, "http"),
        ("ftp://x", None, "http"),
        ("http://", None, "http"),
        ("http://x", "a\n", "key"),
    ],
)
def test_an_address_or_a_key_that_is_none_is_refused(url: str, key: str | None, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        AsyncClient(url, "f", key=key)


async def test_either_a_fleet_or_fleets_are_given() -> None:
    with pytest.raises(ValueError, match="either"):
        AsyncClient("http://localhost", "f", fleets=["g"])
    with pytest.raises(ValueError, match="either"):
        AsyncClient("http://localhost")
    with pytest.raises(ValueError, match="either"):
        AsyncClient("http://localhost", fleets="f")


@each("times", [{"timeout": 0.0}, {"timeout": inf}, {"timeout": nan}, {"lease_seconds": -1.0}, {"lease_seconds": nan}])
def test_times_that_cannot_be_are_refused(times: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="finite"):
        AsyncClient("http://localhost", "f", **times)
