"""A dispatcher of 1,000 fleets that is scraped every five seconds while 2,000 operations a second come in."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import pytest
from redis import Redis

from slta.api.app import build_api
from slta.auth.keys import Access
from slta.fleet_file import FleetFile, Specs
from slta.metrics import Metrics
from slta.store import Store
from testbed.servers import Server
from testbed.service_process import ServiceProcess
from tests import rawstate
from tests.api.served import served
from tests.event_loop import measured_callbacks
from tests.metrics.conftest import CALLBACK_SECONDS, PATIENT, define
from tests.metrics.test_scrapes import value
from tests.runtime.conftest import dispatching

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(600)]

FLEETS = 1000
LOADED = "loaded"
PER_SECOND = 2000
SECONDS = 40.0
SCRAPE_SECONDS = 5.0
PROBED = [f"fleet-{k}" for k in range(0, FLEETS, 100)]
LEASED = "fleet-0"


def document(k: int, pools: int = 5) -> dict[str, Any]:
    """Two classes; no two fleets have the same document."""
    classes = (("small", 20, 20), ("large", 30, 30))
    curves = {name: {"kind": "log_share", "resource": resource + k} for name, _, resource in classes}
    return {"classes": [{"name": n, "capacity": c, "utility": curves[n], "pools": pools} for n, c, _ in classes]}


async def in_groups(work: Callable[[int], Awaitable[None]]) -> None:
    for first in range(0, FLEETS, 20):
        await asyncio.gather(*(work(k) for k in range(first, first + 20)))


def fleets_shown(url: str) -> int:
    return httpx.get(url, timeout=60).text.count("slta_store_epoch_timestamp_seconds{")


async def test_no_callback_of_the_event_loop_takes_more_than_20_ms(server: Server) -> None:
    metrics, specs = Metrics(), Specs()
    store = await Store.open(PATIENT(server.url), metrics)

    async def create(k: int) -> None:
        await define(store, f"fleet-{k}", FleetFile.read(document(k)))

    await in_groups(create)
    app = build_api(
        store=store, access=Access.open(), render_metrics=lambda wanted: metrics.render(store, specs, wanted)
    )
    worst = []
    async with dispatching(store, metrics=metrics), served(app) as here:
        with measured_callbacks() as callbacks:
            for _ in range(4):
                callbacks.reset()
                assert await asyncio.to_thread(fleets_shown, f"http://127.0.0.1:{here.port}/metrics") == FLEETS
                worst.append(callbacks.longest)
    print(f"longest callbacks: {[round(1000 * seconds, 1) for seconds in worst]} ms")
    await metrics.end()
    await store.close()
    assert max(worst) < CALLBACK_SECONDS


class Figures:
    """What is measured from outside while the load lasts, in seconds."""

    def __init__(self) -> None:
        self.scrapes, self.ages, self.since_tick, self.health, self.leases = (list[float]() for _ in range(5))

    def __str__(self) -> str:
        return "\n".join(
            f"{name}: {len(seconds)} times, median {median(seconds):.2f}, longest {max(seconds):.2f}"
            for name, seconds in vars(self).items()
        )


async def test_scrapes_end_and_ticks_and_leases_keep_their_time(tmp_path: Path, server: Server) -> None:
    """On a machine that does nothing else: the load generator and the store need a processor and a half."""
    process = ServiceProcess(tmp_path, settings={"SLTA_STORE_URL": server.url, "SLTA_LOG_LEVEL": "warning"})
    process.start()
    try:
        figures, report = await measured(process, server, tmp_path)
    finally:
        log = process.output
        process.end()
    print(figures, f"placed {report['placed']}, errors {report['errors']}", log, sep="\n")
    assert max(figures.scrapes[1:]) <= 4
    assert max(figures.since_tick) <= 1.25 + 1
    assert max(figures.leases) <= 5


async def measured(process: ServiceProcess, server: Server, folder: Path) -> tuple[Figures, dict[str, Any]]:
    async with httpx.AsyncClient(base_url=process.url, timeout=60) as client:

        async def put(name: str, body: dict[str, Any]) -> None:
            (await client.put(f"/v1/fleets/{name}", json=body)).raise_for_status()

        await in_groups(lambda k: put(f"fleet-{k}", document(k)))
        await put(LOADED, document(0, pools=400))
        await client.get("/metrics")  # the first compiles each document
        options = ["--rate", str(PER_SECOND // 2), "--mean-holding", "2", "--duration", str(SECONDS)]
        target = ["--url", process.url, "--fleet", LOADED, "--json", str(folder / "report.json")]
        command = [sys.executable, "-m", "slta.cli", "loadgen", "run", *target, *options]
        load = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        figures, until = Figures(), time.monotonic() + SECONDS
        with server.client() as redis:
            watched = scrapes(client, figures), ticks(redis, figures), health(client, figures)
            works = [*watched, leases(client, redis, figures)]
            await asyncio.gather(*(repeated(work, until) for work in works))
        await load.wait()
    summary: dict[str, Any] = json.loads((folder / "report.json").read_text())["summary"]
    return figures, summary


async def repeated(work: AsyncIterator[None], until: float) -> None:
    async for _ in work:
        if time.monotonic() > until:
            break


async def scrapes(client: httpx.AsyncClient, figures: Figures) -> AsyncIterator[None]:
    while True:
        began = time.monotonic()
        text = (await client.get("/metrics")).text
        figures.scrapes.append(time.monotonic() - began)
        figures.ages.append(value(text, "slta_scrape_age_seconds"))
        assert (value(text, "slta_store_up"), text.count("slta_store_epoch_timestamp_seconds{")) == (1, FLEETS + 1)
        yield
        await asyncio.sleep(max(0.0, SCRAPE_SECONDS + began - time.monotonic()))


async def ticks(redis: Redis, figures: Figures) -> AsyncIterator[None]:
    """How long ago each fleet was ticked: nothing else moves its clock."""
    while True:
        for fleet in PROBED[1:]:
            clock = float(rawstate.fields(redis, fleet)["clock"])
            seconds, microseconds = redis.time()
            figures.since_tick.append(seconds + (microseconds - clock) / 1e6)
        yield
        await asyncio.sleep(0.1)


async def health(client: httpx.AsyncClient, figures: Figures) -> AsyncIterator[None]:
    while True:
        began = time.monotonic()
        await client.get("/healthz")
        figures.health.append(time.monotonic() - began)
        yield
        await asyncio.sleep(0.05)


async def leases(client: httpx.AsyncClient, redis: Redis, figures: Figures) -> AsyncIterator[None]:
    while True:
        placed = await client.post(f"/v1/fleets/{LEASED}/assign", json={"lease_seconds": 2})
        began, session = time.monotonic(), placed.json()["session_id"]
        while redis.hexists(f"{{{LEASED}}}:sessions", session):  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.05)
        figures.leases.append(time.monotonic() - began)
        yield
