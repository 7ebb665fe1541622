"""More waits than the store can do in time: who comes now is refused, and who does not heed it is not heard."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

import pytest

from slta.api.app import build_api
from slta.api.http.authorization import MAX_WAIT_SECONDS
from slta.auth.keys import Access
from slta.server.connection_limits import SHED_PAUSE_SECONDS
from slta.store import Store
from slta.store._batching import batcher
from slta.store._batching.batcher import MAX_BATCH
from slta.store._batching.pending import PendingCall
from testbed.awaiting import eventually
from testbed.faults import Proxy
from tests.api.conftest import FLEET, Api, NewClient, no_metrics, refusal
from tests.api.raw_requests import assign, call, in_one
from tests.api.served import served


@pytest.fixture
def overloaded(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store that says of the fleet `f` that too much waits for it."""
    waiting = {"f": MAX_WAIT_SECONDS + 0.01, "g": MAX_WAIT_SECONDS}
    for queue in (store.sessions, store.pools):
        monkeypatch.setattr(queue, "waiting_seconds", lambda fleet: waiting[fleet])
    return store


async def test_hot_calls_alone_are_refused_and_counted(overloaded: Store, fleet: str, new_client: NewClient) -> None:
    api = new_client(overloaded)
    for method, hot, body in (
        ("POST", "assign", {"session_id": "a"}),
        ("POST", "complete", {"session_id": "a"}),
        ("POST", "renew", {"session_ids": ["a"]}),
        ("POST", "operations", {"operations": [{"assign": {}}]}),
        ("PUT", "sessions/{session_id}", {"pool_id": "small-1"}),
        ("POST", "pools/heartbeats", {"heartbeats": [{"pool_id": "small-1", "ttl_seconds": 10}]}),
    ):
        answer = await api.request(method, f"{fleet}/{hot.format(session_id='a')}", json=body)
        assert refusal(answer) == (503, "overloaded")
        assert answer.headers["Retry-After"] == "1"
        labels = f'error_type="overloaded",http_request_method="{method}",http_response_status_code="503"'
        shed = f'seconds_count{{{labels},http_route="/v1/fleets/{{fleet}}/{hot}"}} 1.0'
        assert shed in (await api.get("/metrics")).text
    assert (await api.get(f"{fleet}/sessions/a")).json()["code"] == "unknown_session"
    await api.put("/v1/fleets/g", json=FLEET)
    assert (await api.post("/v1/fleets/g/assign", json={})).status_code == 201


async def test_heartbeats_are_not_refused_where_only_sessions_wait(
    store: Store, api: Api, fleet: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.sessions, "waiting_seconds", lambda _: MAX_WAIT_SECONDS + 0.01)
    body = {"heartbeats": [{"pool_id": "small-1", "ttl_seconds": 10}]}
    assert (await api.post(f"{fleet}/pools/heartbeats", json=body)).status_code == 200


async def test_what_waits_is_told_from_the_queue_and_from_a_call_that_does_not_come_back(
    behind: Store, between: tuple[Proxy, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert behind.sessions.waiting_seconds("f") == 0
    between[0].open.clear()
    before = between[0].calls
    waiting: list[asyncio.Task[object]] = []

    async def come(operations: int, seconds_later: float) -> float:
        now = monotonic()
        monkeypatch.setattr(batcher, "monotonic", lambda: now + seconds_later)
        waiting.extend(asyncio.create_task(behind.sessions.complete("f", f"s-{k}")) for k in range(operations))
        await asyncio.sleep(0)
        monkeypatch.undo()
        return behind.sessions.waiting_seconds("f")

    await come(1, 0)
    await between[0].waiting(before + 1)
    few = await come(3 * MAX_BATCH, 0)
    assert 3 * 0.001 < few < 0.3, "three calls wait, at some milliseconds each"
    assert await come(1, 0.09) == pytest.approx(few + 0.09, abs=0.05), "the call under way takes longer"
    assert await come(1, 7) == pytest.approx(few + 0.19, abs=0.09), "but it may be us who stood still for 7 s"
    assert behind.sessions.waiting_seconds("g") == 0
    between[0].open.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert behind.sessions.waiting_seconds("f") == 0


async def test_a_refused_connection_is_not_read(overloaded: Store, fleet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[Any] = []
    app = build_api(store=overloaded, access=Access.open(), render_metrics=no_metrics)
    async with served(app, fast_path=True) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        loop, later = asyncio.get_running_loop(), asyncio.get_running_loop().call_later

        def noted(seconds: float, callback: Any, *args: Any, **options: Any) -> asyncio.TimerHandle:
            if seconds != SHED_PAUSE_SECONDS:
                return later(seconds, callback, *args, **options)
            rests.append(callback)
            return later(1e6, callback)

        monkeypatch.setattr(loop, "call_later", noted)
        writer.write(assign("a") + assign("b"))
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 503 ")
        writer.write(assign("c"))
        for _ in range(3):
            assert b" 404 " in await here.say(*in_one(call("f/sessions/a", method="GET")))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        for _ in range(2):
            assert len(rests) == 1
            rests.pop()()
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 503 ")
        writer.close()


def waiting_calls(store: Store) -> list[PendingCall]:
    """What waits for a call to the store for fleet f."""
    return list(store._operations._batchers["f"]._queue)


async def test_what_a_client_that_left_had_asked_for_is_dropped_unless_it_was_sent(
    behind: Store, between: tuple[Proxy, str], fleet: str, api: Api
) -> None:
    app = build_api(store=behind, access=Access.open(), render_metrics=no_metrics)
    async with served(app, fast_path=True) as here:
        between[0].open.clear()
        before = between[0].calls
        _, first = await asyncio.open_connection("127.0.0.1", here.port)
        first.write(assign("sent"))
        await between[0].waiting(before + 1)
        _, second = await asyncio.open_connection("127.0.0.1", here.port)
        second.write(assign("waiting"))
        await eventually(lambda: waiting_calls(behind))
        first.transport.abort()
        second.transport.abort()
        await eventually(lambda: all(w.done.done() for w in waiting_calls(behind)))
        between[0].open.set()
        await behind._operations.drain()
    assert (await api.get(f"{fleet}/sessions/sent")).status_code == 200
    assert (await api.get(f"{fleet}/sessions/waiting")).json()["code"] == "unknown_session"
