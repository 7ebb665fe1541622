"""Processor time of heartbeats: what the leases of many pools cost the store and a dispatcher.

`python -m lab.benchmarks.heartbeats [--pools 10000] [--lease 10] [--seconds 20]` prints a line for each size of a call.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from typing import NamedTuple

from lab.benchmarks.processor import seconds_of
from lab.benchmarks.ticks import ROOT, dispatching
from testbed.servers import EMBEDDED, own_server

SIZES = (1000, 100, 10)
INTERVAL = 7 / 24
"""Mean time between two heartbeats of a pool, as a part of its lease."""
POOLS_PER_CALL = 1000
FLEET = {"classes": [{"name": "a", "utility": {"kind": "log_share", "resource": 20}, "capacity": 8}]}


class Cost(NamedTuple):
    """Shares of one processor, and µs per heartbeat."""

    size: int
    rate: float
    store: float
    dispatcher: float

    def __str__(self) -> str:
        each = " and ".join(f"{share / self.rate * 1e6:.1f}" for share in (self.store, self.dispatcher))
        shares = f"store {self.store:.3f}, dispatcher {self.dispatcher:.3f} of a processor"
        return f"calls of {self.size}: {self.rate:.0f} heartbeats/s: {shares}; {each} µs per heartbeat"


class Api:
    """One connection to a dispatcher."""

    def __init__(self, url: str) -> None:
        self._connection = HTTPConnection(url.removeprefix("http://"))

    def send(self, method: str, path: str, body: bytes) -> None:
        """A call that must succeed; one that meets a busy machine (503) is sent again."""
        status, answer = self._exchange(method, path, body)
        while status == 503:
            status, answer = self._exchange(method, path, body)
        if status >= 300:
            raise RuntimeError(answer.decode())

    def _exchange(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        self._connection.request(method, f"/v1/fleets/f{path}", body, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        return response.status, response.read()


def parts(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The ids in calls."""
    return (ids[start : start + size] for start in range(0, len(ids), size))


def bodies(ids: Sequence[str], size: int, lease: int) -> list[bytes]:
    """A heartbeat of each pool with its count, which is right."""
    beats = [[{"pool_id": id_, "ttl_seconds": lease, "count": 0} for id_ in part] for part in parts(ids, size)]
    return [json.dumps({"heartbeats": part}).encode() for part in beats]


def keep_alive(api: Api, calls: Sequence[bytes], lease: int, seconds: float) -> int:
    """Send calls evenly, each once in an interval; return their number."""
    began, pause = time.monotonic(), lease * INTERVAL / len(calls)
    sent = 0
    while (now := time.monotonic()) < began + seconds:
        if now < began + sent * pause:
            time.sleep(began + sent * pause - now)
        api.send("POST", "/pools/heartbeats", calls[sent % len(calls)])
        sent += 1
    return sent


def measure(api: Api, processes: Sequence[int], ids: Sequence[str], size: int, lease: int, seconds: float) -> Cost:
    """The cost above that of the idle fleet is not told apart: it is in the shares."""
    calls = bodies(ids, size, lease)
    before, began = [seconds_of([process]) or 0.0 for process in processes], time.monotonic()
    sent = keep_alive(api, calls, lease, seconds)
    elapsed = time.monotonic() - began
    spent = [(seconds_of([process]) or 0.0) - earlier for process, earlier in zip(processes, before, strict=True)]
    store, dispatcher = (one / elapsed for one in spent)
    return Cost(size, sent * size / elapsed, store, dispatcher)


def main() -> None:
    """Measure, and print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pools", type=int, default=10_000)
    parser.add_argument("--lease", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    ids = [f"pool-{number}" for number in range(options.pools)]
    with own_server(EMBEDDED) as server, dispatching(ROOT, server.url, 1) as running:
        api = Api(running.urls[0])
        api.send("PUT", "", json.dumps(FLEET).encode())
        for part in parts(ids, POOLS_PER_CALL):
            api.send(
                "POST", "/pools", json.dumps({"pools": [{"pool_id": i, "pool_class": "a"} for i in part]}).encode()
            )
        for size in SIZES:
            print(measure(api, (server.pid, *running.processes), ids, size, options.lease, options.seconds), flush=True)


if __name__ == "__main__":
    main()
