"""Who changed what, over the API: who is the key, from where the client's address."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from redis import Redis
from structlog.testing import capture_logs

from slta.api.http.guards import TrustedProxies
from slta.auth.keys import Access, generate_key
from slta.runtime import request_log
from slta.runtime.request_log import RequestLog
from slta.runtime.settings import Settings
from slta.store import Store
from tests.api.conftest import FLEET, Api, NewClient

VERSION_1 = {
    "config_version": 1,
    "policy": "slta",
    **dict.fromkeys(("pool_class", "status", "pool_address", "drain_until", "drain_then")),
}


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> RequestLog:
    monkeypatch.setattr(request_log, "log", structlog.get_logger())
    return RequestLog()


@pytest.fixture
def client_with(store: Store, log: RequestLog, new_client: NewClient) -> Callable[..., Api]:
    """Clients at 198.51.100.9, for which a proxy that is trusted asks."""
    proxies = TrustedProxies(Settings(auth=False, trusted_proxies="127.0.0.1").trusted_proxies)

    def client(**options: Any) -> Api:
        made = new_client(store, observe_request=log, proxies=proxies, **options)
        made.headers.update({"X-Forwarded-For": "198.51.100.9", "X-Request-ID": "r-1"})
        return made

    return client


async def events(client: Api) -> list[dict[str, Any]]:
    answer = await client.get("/v1/fleets/f/events")
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["events"]
    return found


async def test_a_change_and_a_refusal_say_who_and_from_where_as_the_log_does(client_with: Callable[..., Api]) -> None:
    secret, entry = generate_key(["admin"])
    client = client_with(access=Access({entry.id: entry}))
    client.headers["Authorization"] = f"Bearer {secret}"
    with capture_logs() as logs:
        await client.put("/v1/fleets/f", json=FLEET)
        await client.post("/v1/fleets/f/pools/small-1/drain")
        refused = await client.put("/v1/fleets/f", json=FLEET, headers={"If-Match": '"7"'})
    found = await events(client)
    assert refused.status_code == 412
    assert [(one["action"], one["outcome"], one["pool_id"], one["pools"]) for one in found] == [
        ("put_fleet", "version_mismatch", None, None),
        ("set_status", "done", "small-1", None),
        ("add_pools", "done", None, 4),
        ("put_fleet", "done", None, None),
    ]
    assert found[0]["before"] == found[0]["after"] == VERSION_1
    assert {(one["request_id"], one["key_id"], one["address"]) for one in found} == {("r-1", entry.id, "198.51.100.9")}
    lines = [line for line in logs if line["event"] == "change"]
    assert [(line["action"], line["outcome"]) for line in lines[::-1]] == [
        (one["action"], one["outcome"]) for one in found
    ]
    assert lines[2] == {
        "event": "change", "log_level": "info", "fleet": "f", "action": "set_status", "outcome": "done", "times": 1,
        "request_id": "r-1", "key_id": entry.id, "address": "198.51.100.9", "pool_id": "small-1",
        "before": {"pool_class": "small", "status": "active"}, "after": {"pool_class": "small", "status": "draining"},
    }  # fmt: skip


async def test_sessions_and_reports_are_no_events(client_with: Callable[..., Api], redis: Redis) -> None:
    client = client_with()
    await client.put("/v1/fleets/f", json=FLEET)
    before, newest = await events(client), redis.lrange("{f}:events", 0, -1)
    with capture_logs() as logs:
        assert (await client.post("/v1/fleets/f/assign", json={"session_id": "s"})).status_code == 201
        report = {"as_of": (await client.get("/v1/fleets/f/state")).json()["as_of"], "session_ids": ["s", "t"]}
        assert (await client.put("/v1/fleets/f/pools/small-1/sessions", json=report)).status_code == 200
        stale = report | {"as_of": "1:1"}
        assert (await client.put("/v1/fleets/f/pools/small-1/sessions", json=stale)).status_code == 409
        assert (await client.post("/v1/fleets/f/complete", json={"session_id": "s"})).status_code == 200
        assert (await client.post("/v1/fleets/f/assign", json={"session_id": "s"})).status_code == 409
    assert await events(client) == before
    assert redis.lrange("{f}:events", 0, -1) == newest
    assert {line["log_level"] for line in logs} == {"debug"}


async def test_nobody_without_a_key_pushes_an_event_off_the_list(client_with: Callable[..., Api], redis: Redis) -> None:
    admin, entry = generate_key(["admin"])
    pool, weak = generate_key(["assign"])
    client = client_with(access=Access({entry.id: entry, weak.id: weak}))
    as_admin = {"Authorization": f"Bearer {admin}"}
    await client.put("/v1/fleets/f", json=FLEET, headers=as_admin)
    newest = redis.lrange("{f}:events", 0, -1)
    for authorization in ("Bearer nobody.0123456789abcdef", f"Bearer {pool}"):
        refused = [
            client.post("/v1/fleets/f/pools/small-1/drain", headers={"Authorization": authorization})
            for _ in range(150)
        ]
        assert {answer.status_code for answer in await asyncio.gather(*refused)} <= {401, 403, 429}
    invalid = await client.put("/v1/fleets/f", json={"classes": []}, headers=as_admin)
    assert invalid.status_code == 422
    assert redis.lrange("{f}:events", 0, -1) == newest


async def test_a_fail_and_a_repair_are_events_too(client_with: Callable[..., Api]) -> None:
    client = client_with()
    await client.put("/v1/fleets/f", json=FLEET)
    await client.post("/v1/fleets/f/pools/small-1/fail")
    await client.post("/v1/fleets/f/repair")
    repaired, failed, *_ = await events(client)
    assert (failed["action"], failed["after"]["status"]) == ("set_status", "failed")
    assert (repaired["action"], repaired["outcome"], repaired["key_id"]) == ("repair", "done", "")
