"""Processor time of idle dispatchers on many fleets: what ticks, checks and audits cost the store and each dispatcher.

`python -m lab.benchmarks.ticks [--seconds 20] [--before CHECKOUT]` measures this checkout, and before it another one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from lab.benchmarks.processor import seconds_of
from lab.benchmarks.running import Running, dispatchers
from slta.fleet_file import Specs, parse_document
from slta.fleet_file.applying import apply_fleet
from slta.metrics import Metrics
from slta.store import Store, StoreSettings
from testbed.servers import EMBEDDED, Server, own_server

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
QUIET_SECONDS = 5.0
"""Time without a slice of an audit after which those of the start have ended."""
MAX_AUDIT_SECONDS = 120.0
"""Longest wait for them; a checkout whose dispatchers all audit each fleet is measured beside its audits."""
FLEET = {  # of eight pools in two classes
    "classes": [
        {"name": name, "utility": {"kind": "log_share", "resource": 20}, "capacity": 8, "pools": 4} for name in "ab"
    ]
}


class Share(NamedTuple):
    """Shares of one processor, and calls of a tick per second and fleet."""

    store: float
    dispatchers: list[float]
    calls: float

    def __str__(self) -> str:
        each = ", ".join(f"{share:.3f}" for share in self.dispatchers)
        return f"store {self.store:.3f}; dispatchers {each}; {self.calls:.2f} calls per second and fleet"


async def create(url: str, fleets: Mapping[str, Mapping[str, Any]]) -> None:
    """Fleets by name, as JSON."""
    store, specs = Store(StoreSettings(url), Metrics()), Specs()
    for name, document in fleets.items():
        await apply_fleet(store, specs, name, parse_document(json.dumps(document)))
    await store.close()


def calls(server: Server, command: str) -> int:
    """How many calls of a command the server has run."""
    with server.client() as redis:
        return int(redis.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"])


def wait_for_audits(server: Server) -> None:
    """Audits of the start read only, and an idle dispatcher reads nothing else."""
    seen, since = -1, time.monotonic()
    latest = since + MAX_AUDIT_SECONDS
    while time.monotonic() < min(since + QUIET_SECONDS, latest):
        time.sleep(0.2)
        if (now := calls(server, "fcall_ro")) != seen:
            seen, since = now, time.monotonic()


@contextmanager
def dispatching(checkout: Path, url: str, count: int) -> Iterator[Running]:
    """Dispatchers of a checkout on a store."""
    paths = os.pathsep.join(str(checkout / room) for room in ("service", "."))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        yield dispatchers(stack, Path(folder), count, {"PYTHONPATH": paths, "SLTA_STORE_URL": url})


@contextmanager
def idle_dispatchers(checkout: Path, fleets: int, dispatchers: int) -> Iterator[tuple[Server, Running]]:
    """An embedded Valkey, and the dispatchers of a checkout on it, whose first audits have ended."""
    with own_server(EMBEDDED) as server:
        asyncio.run(create(server.url, dict.fromkeys((f"fleet-{number}" for number in range(fleets)), FLEET)))
        with dispatching(checkout, server.url, dispatchers) as running:
            wait_for_audits(server)
            yield server, running


def measure(checkout: Path, fleets: int, dispatchers: int, seconds: float) -> Share:
    """Shares of the dispatchers of a checkout on one embedded Valkey."""
    with idle_dispatchers(checkout, fleets, dispatchers) as (server, running):
        processes = running.processes
        began, ticks, before = time.monotonic(), calls(server, "fcall"), _seconds(server, processes)
        time.sleep(seconds)
        elapsed, ticks, after = time.monotonic() - began, calls(server, "fcall") - ticks, _seconds(server, processes)
    store, *each = ((later - earlier) / elapsed for earlier, later in zip(before, after, strict=True))
    return Share(store, each, ticks / elapsed / fleets)


def _seconds(server: Server, processes: Sequence[int]) -> list[float]:
    return [seconds_of([process]) or 0.0 for process in (server.pid, *processes)]


def each_checkout(
    description: str | None, seconds: float, measure: Callable[[Path, int, int, float], T]
) -> Iterator[tuple[str, T]]:
    """Name and measurement of the checkouts that the command line names; `seconds` is its default."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--fleets", type=int, default=1000)
    parser.add_argument("--dispatchers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=seconds)
    parser.add_argument("--before", type=Path, help="another checkout to measure first")
    options = parser.parse_args()
    for checkout in filter(None, (options.before, ROOT)):
        yield checkout.name, measure(checkout.resolve(), options.fleets, options.dispatchers, options.seconds)


def main() -> None:
    """Measure, and print a line for each checkout."""
    for name, share in each_checkout(__doc__, 20.0, measure):
        print(f"{name}: {share}", flush=True)


if __name__ == "__main__":
    main()
