"""Audit and repair of the largest fleet, and how long calls of another fleet wait meanwhile.

Slices are timed by the server's slow log, calls of the other fleet by a client of its own in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
from collections.abc import Awaitable, Callable
from functools import partial
from time import perf_counter, perf_counter_ns
from typing import Any

from redis import Redis

from slta.audit import audit_fleet, repair_fleet
from slta.fleet_file import Specs, parse_document
from slta.fleet_file.applying import apply_fleet
from slta.metrics import Metrics
from slta.store import Store, StoreSettings
from testbed.servers import INSTALLED, running_server

SLICE = 1000
CAPACITY = 16


def document(pools: int) -> str:
    curve = {"kind": "log_share", "resource": 20}
    classes = [{"name": f"c{k}", "utility": curve, "capacity": CAPACITY, "pools": pools // 4} for k in range(4)]
    return json.dumps({"classes": classes})


async def fill(store: Store, specs: Specs, fleet: str, pools: int, sessions: int) -> None:
    await apply_fleet(store, specs, fleet, parse_document(document(pools)))
    for start in range(0, sessions, SLICE):
        ids = [f"session-of-{fleet}-{k:08d}" for k in range(start, min(sessions, start + SLICE))]
        done = await store.sessions.operate(fleet, [("assign", id_, "", "") for id_ in ids])
        assert all(isinstance(outcome, list) and outcome[0] == "ASSIGNED" for outcome in done)


async def beside(store: Store) -> list[float]:
    """Assign and complete a session of another fleet: the seconds of each."""
    id_, waits = f"beside-{perf_counter_ns()}", []
    for operation in (("assign", id_, "", ""), ("complete", id_, "", "")):
        began = perf_counter()
        [done] = await store.sessions.operate("other", [operation])
        waits.append(perf_counter() - began)
        assert isinstance(done, list)
        assert done[0] in ("ASSIGNED", "COMPLETED")
    return waits


async def keep_calling(store: Store, waits: list[float]) -> None:
    while True:
        waits += await beside(store)


async def measure(url: str, work: Callable[[], Awaitable[Any]], function: str) -> str:
    """Seconds, slices, the longest slice, calls of the other fleet and the longest of them, as cells of a row."""
    waits: list[float] = []
    other = Store(StoreSettings(url, call_timeout_seconds=10, deadline_seconds=20), Metrics())
    await beside(other)  # connects and loads the library before the measurement
    load = asyncio.create_task(keep_calling(other, waits))
    with Redis.from_url(url, decode_responses=True) as redis:
        redis.config_set("slowlog-log-slower-than", 0)
        redis.config_set("slowlog-max-len", 1_000_000)
        redis.slowlog_reset()
        began = perf_counter()
        await work()
        seconds = perf_counter() - began
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
        entries = redis.slowlog_get(1_000_000)
    await other.close()
    held = [entry["duration"] / 1e3 for entry in entries if function in str(entry["command"])]
    return f"{seconds:.1f} | {len(held):,} | {max(held):.1f} | {len(waits):,} | {1e3 * max(waits):.1f}"


async def run(url: str, pools: int, sessions: int) -> None:
    store = Store(StoreSettings(url, call_timeout_seconds=30, deadline_seconds=60), Metrics())
    specs = Specs()
    await fill(store, specs, "other", 64, 100)
    await fill(store, specs, "big", pools, sessions)
    gc.collect()
    gc.freeze()  # as a dispatcher does; a full collection of this process would be measured as a wait
    print(f"{sessions:,} sessions on {pools:,} pools")
    print("| what | s | slices | longest slice, ms | calls beside | longest wait, ms |\n|---|---|---|---|---|---|")
    for name, work, function in (("audit", audit_fleet, "_compare"), ("repair", repair_fleet, "_rebuild")):
        print(f"| {name} | {await measure(url, partial(work, store, specs, 'big'), function)} |")
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pools", type=int, default=65_536)
    parser.add_argument("--sessions", type=int, default=655_360)
    parser.add_argument("--server", choices=sorted(INSTALLED), default="redis-server")
    given = parser.parse_args()
    with running_server(INSTALLED[given.server]) as url:
        asyncio.run(run(url, given.pools, given.sessions))


if __name__ == "__main__":
    main()
