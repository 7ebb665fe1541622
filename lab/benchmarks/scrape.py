"""Processor time of scrapes of many small fleets, and the longest callback of the event loop in them.

The dispatcher's metrics are rendered in this process, as often as `--rounds`; the store is another process. The first
scrape also compiles each fleet's document.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from time import perf_counter, process_time
from typing import Any

from lab.benchmarks.bench_tables import described, machine
from slta.expected_gap.cache import ExpectedGapCache
from slta.fleet_file import FleetFile, Specs, compile_spec
from slta.metrics import Metrics
from slta.metrics.readings import Readings
from slta.models.scrape import Scrape
from slta.store import Store, StoreSettings
from tests.event_loop import Callbacks, measured_callbacks
from tests.servers import INSTALLED, running_server

AT_ONCE = 10
SESSIONS = 40
POOLS = 4
HEAD = "| scrape | processor, s | longest callback, ms | s | series | MB |\n|---|---|---|---|---|---|"
SCRAPES = {
    "of=process": Scrape(of="process"),
    "of=fleets": Scrape(of="fleets"),
    "of=fleets&levels=1": Scrape(of="fleets", levels=True),
}

Render = Callable[[Scrape], Any]
"""The metrics of a dispatcher: pieces of text, and headers."""


def document(fleet: int, capacity: int) -> dict[str, Any]:
    """Two classes of four pools; no two fleets have the same curves."""
    curves = {name: {"kind": "log_share", "resource": resource + fleet} for name, resource in (("a", 20), ("b", 30))}
    classes = [{"name": n, "capacity": capacity, "utility": curve, "pools": POOLS} for n, curve in curves.items()]
    return {"classes": classes}


def load(fleets: int, capacity: int) -> dict[str, Any]:
    return {"fleets": fleets, "classes": 2, "pools": 2 * POOLS, "capacity": capacity, "sessions per fleet": SESSIONS}


async def create(store: Store, fleet: int, capacity: int) -> None:
    name, file = f"fleet-{fleet}", FleetFile.read(document(fleet, capacity))
    await store.fleets.configure(name, compile_spec(file), file.document())
    await store.pools.add(name, file.wanted_pools())
    await store.sessions.operate(name, [("assign", f"s-{k}", "", "") for k in range(SESSIONS)])
    await store.fleets.tick(name)


async def row(name: str, render: Render, scrape: Scrape, callbacks: Callbacks | None) -> str:
    """A row of the table for one scrape."""
    if callbacks:
        callbacks.reset()
    spent, began = process_time(), perf_counter()
    pieces, _ = await render(scrape)
    sizes, series = [], 0
    async for piece in pieces:
        sizes.append(len(piece))
        series += piece.count(b"\n") - piece.count(b"# ")
    spent, elapsed = process_time() - spent, perf_counter() - began
    longest = f"{1e3 * callbacks.longest:.1f}" if callbacks else ""
    return f"| {name} | {spent:.2f} | {longest} | {elapsed:.2f} | {series:,} | {sum(sizes) / 1e6:.1f} |"


async def run(url: str, fleets: int, capacity: int, rounds: int) -> None:
    metrics = Metrics()
    metrics._readings = {levels: Readings(max_wait_seconds=600) for levels in (False, True)}
    patient = StoreSettings(url, connect_timeout_seconds=30, call_timeout_seconds=30, deadline_seconds=60)
    store = await Store.open(patient, metrics)
    for first in range(0, fleets, AT_ONCE):
        await asyncio.gather(*(create(store, k, capacity) for k in range(first, min(first + AT_ONCE, fleets))))
    print(HEAD)
    render: Render = partial(metrics.render, store, Specs(), expected_gaps=ExpectedGapCache())
    for round_ in range(rounds + 1):
        # Garbage of the first scrape, which compiles, is not collected in the others.
        with measured_callbacks() if round_ else nullcontext() as callbacks:
            for name, scrape in SCRAPES.items():
                print(await row(name if round_ else f"{name}, first", render, scrape, callbacks))
    await metrics.end()
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fleets", type=int, default=1000)
    parser.add_argument("--capacity", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--server", choices=sorted(INSTALLED), default="embedded")
    given = parser.parse_args()
    print(described(machine(INSTALLED[given.server]) | {"load": load(given.fleets, given.capacity)}))
    with running_server(INSTALLED[given.server]) as url:
        asyncio.run(run(url, given.fleets, given.capacity, given.rounds))


if __name__ == "__main__":
    main()
