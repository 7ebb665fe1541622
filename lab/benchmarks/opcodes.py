"""Opcodes of the dispatcher's Python code per request of one client, which other load hardly changes.

C code, such as uvloop and httptools, is not counted.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from itertools import count
from pathlib import Path

from testbed.awaiting import until
from testbed.service_process import FLEET, ServiceProcess

PROGRAM = ("-m", "lab.benchmarks.counted_service", "serve")
GROUPS, REQUESTS = 25, 8
"""A row is the smallest mean of a group, as tasks of each second run in some of them."""


class Client:
    """One connection to a dispatcher of `FLEET`; each request has an id of its own."""

    def __init__(self, port: int) -> None:
        self._connection, self._ids = HTTPConnection("127.0.0.1", port), map("session-{:09d}".format, count())

    def send(self, method: str, path: str, body: object = None, **headers: str) -> None:
        """Raises RuntimeError if the answer is no 2xx."""
        text = None if body is None else json.dumps(body)
        self._connection.request(method, f"/v1/fleets/f/{path}", text, {"Content-Type": "application/json"} | headers)
        answer = self._connection.getresponse()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.read()!r}")
        answer.read()

    def assign(self) -> None:
        self.send("POST", "assign", {"session_id": next(self._ids)})

    def place(self) -> None:
        self.send("GET", "place", **{"X-Session-Id": next(self._ids)})

    def beat(self) -> None:
        self.send("POST", "pools/heartbeats", {"heartbeats": [{"pool_id": "small-1", "ttl_seconds": 10}]})

    def change_many(self) -> None:
        ids = [next(self._ids) for _ in range(20)]
        operations = [{kind: {"session_id": id_}} for kind in ("assign", "complete") for id_ in ids]
        self.send("POST", "operations", {"operations": operations})


def reported(service: ServiceProcess) -> int:
    """Opcodes since the last report."""
    before = len(service.events("opcodes"))
    os.kill(service.pid, signal.SIGUSR2)
    until(lambda: len(service.events("opcodes")) > before)
    return int(service.events("opcodes")[-1]["count"])


def smallest(service: ServiceProcess, request: Callable[[], None]) -> float:
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
    with ServiceProcess(folder, str(file), program=PROGRAM) as service:
        client = Client(service.port)
        for name in ("assign", "place", "beat", "change_many"):
            request = getattr(client, name)
            request()
            yield f"{name} over HTTP", smallest(service, request)
