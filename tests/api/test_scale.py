"""Scale advice of a running service, and the faults under which it has none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import pytest

from slta.api.http.bodies import in_worker
from slta.api.routes import observations
from slta.scaling import advisor
from testbed.in_process import TINY, Service, service_in_process, tick
from tests.api.conftest import refusal
from tests.rawstate import poke

COSTS = {"small": {"cost": 1, "lead_seconds": 0}, "large": {"cost": 9, "lead_seconds": 0, "max": 2}}
SCALE = {"floor": 2, "hold_seconds": 60, "classes": COSTS}
PODS = [{"id": f"small-{k}", "labels": {"slta.pod": f"pod-{(k + 1) // 2}"}} for k in range(1, 7)]


@pytest.fixture
async def service(server: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """Six small pools, two in a pod, and one session on the fifth of them; a minute has passed."""
    monkeypatch.setattr(advisor, "FRESH_SECONDS", 0.0)
    small, large = TINY["classes"]
    classes = [{**small, "pools": PODS}, {**large, "pools": 0}]
    async with service_in_process(server) as running:
        running.draws.waiting = [0.0] * 9
        await running.api.put("/v1/fleets/f", json={"policy": "jlmu", "classes": classes, "scale": SCALE})
        await running.api.put("/v1/fleets/f/sessions/s", json={"pool_id": "small-5"})
        await running.seconds_pass("f", 62)
        yield running


async def scale(service: Service, **query: Any) -> httpx.Response:
    return await service.api.get("/v1/fleets/f/scale", params=query)


async def series(service: Service) -> set[str]:
    lines = (await service.api.get("/metrics")).text.splitlines()
    return {line for line in lines if line.startswith(("slta_pools_wanted", "slta_pool_replicas", "slta_scale"))}


async def test_whole_pods_drain_until_they_are_ready_and_the_metrics_say_the_same(service: Service) -> None:
    found = (await scale(service)).json()
    small, large = found["classes"]
    assert (small["now"], small["wanted"], small["replicas"], small["target"]) == (6, 4, 3, 1)
    assert [pool["pool_id"] for pool in small["drain"]] == ["small-1", "small-2"]
    assert (found["hypothetical"], found["floor"], found["offered_sessions"], large["wanted"]) == (False, 2, 1, 0)
    assert found["sentence"] == "With 2 pools fewer this load keeps 100.0 % of the bound; small-1 and small-2 go."
    for pool in ("small-1", "small-2"):
        await service.api.post(f"/v1/fleets/f/pools/{pool}/drain")
    small, _ = (await scale(service)).json()["classes"]
    assert ([pool["pool_id"] for pool in small["drain"]], small["ready"]) == (
        ["small-3", "small-4"],
        ["small-1", "small-2"],
    )
    assert await series(service) == {
        f'slta_{name}{{fleet="f",pool_class="{pool_class}"}} {number}.0'
        for name, pool_class, number in [
            *(("pools_wanted", "small", 2), ("pools_wanted", "large", 0)),
            *(("pool_replicas", "small", 2), ("pool_replicas", "large", 0)),
        ]
    }


async def test_an_id_that_is_refused_again_adds_one_session_to_the_load(service: Service) -> None:
    for session in [*range(20), *range(17, 20)]:
        service.draws.waiting = [0.0] * 3
        await service.api.post("/v1/fleets/f/assign", json={"session_id": f"s-{session}"})
    await service.seconds_pass("f", 62)
    found = (await scale(service)).json()
    assert 18 + 3 <= found["offered_sessions"] < 18 + 6


async def test_a_refusal_counts_at_once_though_sessions_have_ended_since(service: Service) -> None:
    service.draws.waiting = [0.0] * 54
    ids = [f"s-{number}" for number in range(18)]
    answers = [await service.api.post("/v1/fleets/f/assign", json={"session_id": id_}) for id_ in ids]
    assert refusal(answers[-1]) == (429, "no_capacity")
    for id_ in ids[:9]:
        await service.api.post("/v1/fleets/f/complete", json={"session_id": id_})
    await service.seconds_pass("f", 1)
    assert (await scale(service)).json()["classes"][0]["wanted"] == 9


async def test_what_if_another_aim_is_marked(service: Service) -> None:
    richer, dearer = (await scale(service, floor="95%")).json(), (await scale(service, budget=20)).json()
    assert [found["hypothetical"] for found in (richer, dearer)] == [True, True]
    assert (richer["floor"], dearer["floor"]) == (4.75, None)
    assert [found["classes"][1]["wanted"] for found in (richer, dearer)] == [1, 1]


@pytest.mark.parametrize(
    "query", [{"floor": "9"}, {"floor": "x"}, {"floor": "1", "budget": 1}, {"budget": 0}, {"hold_seconds": 61}]
)
async def test_a_what_if_that_cannot_be_is_refused(service: Service, query: dict[str, Any]) -> None:
    assert refusal(await scale(service, **query)) == (422, "invalid_request")


async def test_advice_is_computed_for_one_question_at_a_time(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    traced = list[str]()

    async def trace(*work: Any) -> Any:
        traced.append("begin")
        found = await in_worker(*work)
        traced.append("end")
        return found

    monkeypatch.setattr(advisor, "FRESH_SECONDS", 10.0)
    monkeypatch.setattr(observations, "in_worker", trace)
    await asyncio.gather(*(scale(service, budget=budget) for budget in range(1, 9)))
    assert traced == ["begin", "end"] * 8


async def silent(service: Service, pools: int) -> None:
    beats = [{"pool_id": pool["id"], "ttl_seconds": 5} for pool in PODS[:pools]]
    await service.api.post("/v1/fleets/f/pools/heartbeats", json={"heartbeats": beats})
    await service.seconds_pass("f", 8)


async def damaged(service: Service) -> None:
    poke(service.redis, "f", suspect="an error inside an operation")


async def store_away(service: Service) -> None:
    service.clock.advance(60)
    await tick(service.store, "f")


async def curves_changed(service: Service) -> None:
    file = (await service.api.get("/v1/fleets/f")).json()
    file["classes"][0]["utility"] = {"kind": "linear", "slope": 4}
    await service.api.put("/v1/fleets/f", json=file)


async def emptied(service: Service) -> None:
    file = (await service.api.get("/v1/fleets/f")).json()
    service.redis.flushall()
    await service.api.put("/v1/fleets/f", json={name: file[name] for name in ("policy", "classes", "scale")})
    await service.seconds_pass("f", 5)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        *[(partial(silent, pools=1), "pools_lost"), (partial(silent, pools=6), "guard"), (damaged, "suspect")],
        *[(store_away, "store"), (emptied, "store"), (curves_changed, "history")],
    ],
)
async def test_a_fault_withholds_the_advice_and_its_metrics(service: Service, fault: Any, reason: str) -> None:
    await fault(service)
    answer = await scale(service)
    assert refusal(answer) == (503, "advice_withheld")
    assert answer.json()["reason"] == reason
    assert await series(service) == {f'slta_scale_withheld{{fleet="f",reason="{reason}"}} 1.0'}


async def test_a_fleet_without_settings_has_no_advice(service: Service) -> None:
    await service.api.put("/v1/fleets/none", json=TINY)
    assert refusal(await service.api.get("/v1/fleets/none/scale")) == (404, "scale_not_configured")
