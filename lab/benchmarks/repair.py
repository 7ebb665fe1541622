"""What an audit and a repair of the largest fleet cost, and how long a call of another fleet waits meanwhile.

`python -m lab.benchmarks.repair --help`. The server's own slow log says how long each slice held it; the other fleet's
calls are timed by a client of its own in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
from collections.abc import Awaitable, Callable
from functools import partial
from time import perf_counter, perf_counter_ns
from typing import Any, NamedTuple

from redis import Redis

from slta.audit import audit_fleet, repair_fleet
from slta.fleet_file import Specs, parse_document
from slta.fleet_file.applying import apply_fleet
from slta.metrics import Metrics
from slta.store import OperationRequest, Store, StoreSettings
from slta.store.encoding import put_arguments
from tests.servers import INSTALLED, running_server

SLICE = 1000
CAPACITY = 16


class Cost(NamedTuple):
    """Seconds in all, slices, and in milliseconds the longest slice and the longest call of the other fleet."""

    seconds: float
    slices: int
    longest_slice_ms: float
    calls_beside: int
    longest_wait_ms: float


def document(pools: int) -> str:
    curve = {"kind": "log_share", "resource": 20}
    classes = [{"name": f"c{k}", "utility": curve, "capacity": CAPACITY, "pools": pools // 4} for k in range(4)]
    return json.dumps({"classes": classes})


async def fill(store: Store, specs: Specs, fleet: str, pools: int, sessions: int) -> None:
    await apply_fleet(store, specs, fleet, parse_document(document(pools)))
    for start in range(0, sessions, SLICE):
        ids = [f"session-of-{fleet}-{k:08d}" for k in range(start, min(sessions, start + SLICE))]
        done = await store.sessions.operate(fleet, [OperationRequest("assign", id_) for id_ in ids])
        assert not [one for one in done if isinstance(one, Exception)]


async def beside(store: Store, waits: list[float]) -> None:
    """Assign and complete in another fleet, one after the other, and time each."""
    while True:
        waits += await beside_once(store)


async def beside_once(store: Store) -> list[float]:
    """A session of another fleet: the seconds of its assign and of its complete."""
    id_, waits = f"beside-{perf_counter_ns()}", []
    for operation in (OperationRequest("assign", id_), OperationRequest("complete", id_)):
        began = perf_counter()
        [done] = await store.sessions.operate("other", [operation])
        waits.append(perf_counter() - began)
        assert not isinstance(done, Exception)
    return waits


async def measure(url: str, work: Callable[[], Awaitable[Any]], slices_of: str) -> Cost:
    waits: list[float] = []
    other = Store(StoreSettings(url, call_timeout_seconds=10, deadline_seconds=20), Metrics())
    await beside_once(other)  # the connection and the library are not what is measured
    load = asyncio.create_task(beside(other, waits))
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
    held = [e["duration"] / 1e3 for e in entries if slices_of in str(e["command"])]
    return Cost(seconds, len(held), max(held), len(waits), 1e3 * max(waits))


async def survey(store: Store, specs: Specs, fleet: str) -> None:
    """The dry run of a repair, which a repair does too."""
    document = await store.repairs.document(fleet)
    await store.repairs.survey(fleet, put_arguments(await specs.of(document), document, None))


async def run(url: str, pools: int, sessions: int) -> None:
    store = Store(StoreSettings(url, call_timeout_seconds=30, deadline_seconds=60), Metrics())
    specs = Specs()
    await fill(store, specs, "other", 64, 100)
    await fill(store, specs, "big", pools, sessions)
    gc.collect()
    gc.freeze()  # as a dispatcher does: else a full collection of this process is measured as a wait
    print(f"{sessions:,} sessions on {pools:,} pools")
    print("| what | s | slices | longest slice, ms | calls beside | longest wait, ms |\n|---|---|---|---|---|---|")
    for name, work, function in (
        ("audit", partial(audit_fleet, store, specs, "big"), "_audit"),
        ("dry run", partial(survey, store, specs, "big"), "_survey"),
        ("repair", partial(repair_fleet, store, specs, "big"), "_repair"),
        ("audit after", partial(audit_fleet, store, specs, "big"), "_audit"),
    ):
        cost = await measure(url, work, function)
        print(
            f"| {name} | {cost.seconds:.1f} | {cost.slices:,} | {cost.longest_slice_ms:.1f} | {cost.calls_beside:,} "
            f"| {cost.longest_wait_ms:.1f} |"
        )
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
