"""Opcodes of the dispatcher's Python code per request of one client, which other load hardly changes.

C code, such as uvloop and httptools, is not counted.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import httpx

from testbed.awaiting import until
from testbed.service_process import FLEET, ServiceProcess

PROGRAM = ("-m", "lab.benchmarks.counted_service", "serve")
GROUPS, REQUESTS = 25, 8
"""A row is the smallest mean of a group, as tasks of each second run in some of them."""


def requests(client: httpx.Client) -> dict[str, Callable[[], object]]:
    """Requests to a dispatcher of `FLEET` by name; each session has an id of its own."""
    ids = map("session-{:09d}".format, count())

    def send(method: str, path: str, body: object = None, **headers: str) -> None:
        client.request(method, f"/v1/fleets/f/{path}", json=body, headers=headers).raise_for_status()

    def change_many() -> None:
        named = [{"session_id": next(ids)} for _ in range(20)]
        send("POST", "operations", {"operations": [{kind: one} for kind in ("assign", "complete") for one in named]})

    return {
        "assign": lambda: send("POST", "assign", {"session_id": next(ids)}),
        "place": lambda: send("GET", "place", **{"X-Session-Id": next(ids)}),
        "beat": lambda: send("POST", "pools/heartbeats", {"heartbeats": [{"pool_id": "small-1", "ttl_seconds": 10}]}),
        "change_many": change_many,
    }


def reported(service: ServiceProcess) -> int:
    """Opcodes since the last report."""
    before = len(service.events("opcodes"))
    os.kill(service.pid, signal.SIGUSR2)
    until(lambda: len(service.events("opcodes")) > before)
    return int(service.events("opcodes")[-1]["count"])


def smallest(service: ServiceProcess, request: Callable[[], object]) -> float:
    """Of the means of the groups."""

    def mean() -> float:
        reported(service)
        for _ in range(REQUESTS):
            request()
        return reported(service) / REQUESTS

    return min(mean() for _ in range(GROUPS))


def opcodes(folder: Path) -> Iterator[tuple[str, float]]:
    """Opcodes per request by row."""
    file = folder / "fleet.yaml"
    file.write_text(FLEET, encoding="utf-8")
    with ServiceProcess(folder, str(file), program=PROGRAM) as service, service.client() as client:
        client.headers.clear()  # each costs the dispatcher some, and those of httpx are no part of a request
        for name, request in requests(client).items():
            request()
            yield f"{name} over HTTP", smallest(service, request)
