"""The fallback against a real dispatcher that is killed, stands still, or loses its store or single replies."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from slta_client import AsyncClient, Client, Session, fallback
from testbed.awaiting import eventually, until
from testbed.gate import Answer, Gate, Late, Silence
from testbed.live_fleet import Fleet
from testbed.service_process import ServiceProcess
from tests.client.conftest import NewFleet
from tests.client.test_sync_client import in_child

MANY = 20
OPTIONS: dict[str, Any] = {"fallback": "two-choices", "timeout": 0.3, "lease_seconds": 60}
AWAY = Answer(503, "store_unavailable")


def has_copy(client: AsyncClient | Client) -> bool:
    return bool(client._engine.fallback.known)


def is_reported(client: AsyncClient | Client) -> bool:
    return not client._engine.leases.unreported()


def known(fleet: Fleet, sessions: list[Session]) -> bool:
    """Each session is where it says, and no other is live."""
    pools = [fleet.pool_of(one.id) for one in sessions]
    return (pools, fleet.live) == ([one.pool_id for one in sessions], len(sessions))


# Outages


@contextmanager
def stopped(service: ServiceProcess) -> Iterator[None]:
    service.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        service.signal(signal.SIGCONT)


async def test_sessions_begin_while_slta_stands_still_and_are_known_after_it(fleet: Fleet) -> None:
    async with AsyncClient(fleet.service.url, fleet.name, **OPTIONS) as client, AsyncExitStack() as blocks:
        await eventually(lambda: has_copy(client))
        with stopped(fleet.service):
            begun = [await blocks.enter_async_context(client.session()) for _ in range(MANY)]
            async with client.session() as short:
                assert short.placed_by == "fallback"
        await eventually(lambda: is_reported(client))
        assert [fleet.pool_of(one.id) for one in begun] == [one.pool_id for one in begun]
        async with client.session() as later:
            assert later.placed_by == "slta"
    assert {one.placed_by for one in begun} == {"fallback"}
    assert fleet.live == 0


# Single replies


@pytest.fixture
async def client(fleet: Fleet, between: Gate) -> AsyncIterator[AsyncClient]:
    """A client that knows the endpoints, behind a gate."""
    async with AsyncClient(between.url, fleet.name, **OPTIONS) as client:
        await eventually(lambda: has_copy(client))
        yield client


@pytest.fixture
def fleet(new_fleet: NewFleet) -> Fleet:
    return new_fleet(pools=20)


async def test_an_unanswered_placement_ends_up_where_it_runs(client: AsyncClient, fleet: Fleet, between: Gate) -> None:
    """Slta has placed it elsewhere, in 19 of 20 cases."""
    between.choose = lambda request: Silence(applied=True) if request.call == "assign" else None
    async with client.session("u-7") as session:
        assert session.placed_by == "fallback"
        await eventually(lambda: is_reported(client))
        assert known(fleet, [session])
    await client.aclose()
    assert (fleet.status("u-7"), fleet.live, fleet.counter("assigned")) == (409, 0, 1)


async def test_an_assign_after_the_report_changes_nothing(client: AsyncClient, fleet: Fleet, between: Gate) -> None:
    assigns = iter([Late()])
    between.choose = lambda request: next(assigns, AWAY) if request.call == "assign" else None
    async with client.session("u-7") as session:
        await eventually(lambda: is_reported(client))
        await between.arrived()
        assert (session.placed_by, known(fleet, [session])) == ("fallback", True)
    await client.aclose()
    assert (fleet.status("u-7"), fleet.live, fleet.counter("assigned")) == (409, 0, 0)


async def test_an_assign_after_the_end_places_nothing(client: AsyncClient, fleet: Fleet, between: Gate) -> None:
    assigns = iter([Late()])
    between.choose = lambda request: next(assigns, AWAY) if request.call == "assign" else None
    async with client.session("u-7"):
        pass
    await client.aclose()
    await between.arrived()
    assert (fleet.status("u-7") != 200, fleet.live) == (True, 0)


async def test_a_session_that_was_reported_is_renewed_and_told_its_loss(fleet: Fleet, between: Gate) -> None:
    reasons: list[str] = []
    between.choose = lambda request: AWAY if request.call == "assign" else None
    options = OPTIONS | {"lease_seconds": 0.6, "on_lost": reasons.append}
    async with AsyncClient(between.url, fleet.name, **options) as client:
        await eventually(lambda: has_copy(client))
        block = client.session("u-7")
        session = await block.__aenter__()
        await eventually(lambda: between.named("renew"))
        assert (session.placed_by, fleet.status("u-7")) == ("fallback", 200)
        fleet.complete("u-7")
        await eventually(lambda: reasons)
    assert (reasons, session.lost) == (["completed"], "completed")


def fill(fleet: Fleet) -> None:
    fleet.call("POST", "assign", {"session_id": "other"})


def remove(fleet: Fleet) -> None:
    fleet.call("DELETE", "pools/c-1")


@pytest.mark.parametrize(("change", "code"), [(fill, "over_capacity"), (remove, "reported_pool_unknown")])
async def test_a_session_that_slta_refuses_goes_on(
    new_fleet: NewFleet, between: Gate, caplog: pytest.LogCaptureFixture, change: Callable[[Fleet], None], code: str
) -> None:
    """The pool was filled, or removed, after the endpoints were read."""
    fleet, reasons = new_fleet(pools=1, capacity=1), list[str]()
    between.choose = lambda request: AWAY if request.call == "assign" else None
    async with AsyncClient(between.url, fleet.name, **OPTIONS, on_lost=reasons.append) as client:
        await eventually(lambda: has_copy(client))
        change(fleet)
        async with client.session("u-7") as session:
            await eventually(lambda: code in caplog.text)
            assert (session.pool_id, fleet.status("u-7")) == ("c-1", 404)
    assert (reasons, session.lost) == ([], None)


# Endpoints


async def test_unchanged_endpoints_are_not_resent(fleet: Fleet, between: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fallback, "REFRESH_SECONDS", 0.01)
    async with AsyncClient(between.url, fleet.name, **OPTIONS):
        await eventually(lambda: len(between.replies) > 5)
    heads = [status for _, status in between.replies if status]
    assert heads[:3] == [200, 304, 304]


async def test_a_client_that_starts_in_an_outage_places_by_file(fleet: Fleet, between: Gate, tmp_path: Path) -> None:
    file = tmp_path / "copy"
    async with AsyncClient(between.url, fleet.name, **OPTIONS, fallback_file=file):
        await eventually(file.exists)
    url = "http://127.0.0.1:1"
    async with AsyncClient(url, fleet.name, **OPTIONS, fallback_file=str(file)) as client, client.session() as session:
        assert (session.placed_by, session.address) == ("fallback", f"10.0.0.{session.pool_id[2:]}:80")


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_knows_its_parents_endpoints(fleet: Fleet) -> None:
    with Client(fleet.service.url, fleet.name, **OPTIONS) as client, client.session("parents"):
        until(lambda: has_copy(client))

        def work() -> None:
            client._engine._base = "http://127.0.0.1:1"
            with client.session("childs") as session:
                assert session.placed_by == "fallback"
                assert client._engine.leases.unreported() == [session]
            client.close(0)

        assert in_child(work) == 0
        assert is_reported(client)
        assert fleet.status("parents") == 200


# What is left


async def test_no_task_is_left(fleet: Fleet, tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    async with AsyncClient(fleet.service.url, fleet.name, **OPTIONS, fallback_file=tmp_path / "copy") as client:
        await eventually(lambda: has_copy(client))
    client = AsyncClient("http://127.0.0.1:1", fleet.name, **OPTIONS, fallback_file=tmp_path / "copy")
    async with client, client.session():
        assert asyncio.all_tasks() > before
    assert asyncio.all_tasks() == before


def test_no_thread_is_left(fleet: Fleet) -> None:
    before = threading.enumerate()
    with Client(fleet.service.url, fleet.name, **OPTIONS) as client:
        until(lambda: has_copy(client))
        assert len(threading.enumerate()) == len(before) + 1
    assert threading.enumerate() == before


def test_a_fallback_that_is_none_and_options_without_one_are_refused() -> None:
    wrong: list[dict[str, Any]] = [{"fallback": "random"}, {"fallback_file": "copy"}]
    for options in wrong:
        with pytest.raises(ValueError, match="fallback"):
            Client("http://localhost", "f", **options)
