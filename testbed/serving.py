"""`slta serve` as a process, and what its client asks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from testbed.awaiting import DEADLINE_SECONDS, until

FLEET = """
fleet: f
classes:
  - {name: small, utility: {kind: log_share, resource: 20}, capacity: 60, pools: 3}
  - {name: large, utility: {kind: log_share, resource: 30}, capacity: 90, pools: 3}
"""


class LoggedProcess:
    """A process with a log."""

    process: subprocess.Popen[bytes]
    _log: Path

    @property
    def log(self) -> str:
        return self._log.read_text()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_SECONDS)


class Serving(LoggedProcess):
    """One `slta serve` process."""

    environment: Mapping[str, str] = {}
    program: tuple[str, ...] = ("-m", "slta.cli", "serve", "--port", "0", "--log-format", "json")

    def __init__(self, folder: Path, *options: str, **settings: str) -> None:
        """`settings` are environment variables."""
        self._log = folder / f"serve-{time.monotonic_ns()}.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SLTA_")}
        environment |= {**self.environment, **settings}
        environment |= {} if "--keys-file" in options else {"SLTA_AUTH": "off"}
        command = [sys.executable, *self.program, *options]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def events(self, name: str) -> list[dict[str, object]]:
        lines = self._log.read_text().splitlines()
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def url(self) -> str:
        until(lambda: self.events("listening") or self.process.poll() is not None)
        assert self.process.poll() is None, self.log
        return str(self.events("listening")[0]["url"])

    def port(self) -> int:
        return int(self.url().rpartition(":")[2])

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url(), timeout=10)


@contextmanager
def serving(
    folder: Path, *options: str, kind: type[Serving] = Serving, **settings: str
) -> Iterator[tuple[Serving, httpx.Client]]:
    service = kind(folder, *options, **settings)
    try:
        with service.client() as client:
            yield service, client
    finally:
        if service.process.poll() is None:
            service.end()


def assign(client: httpx.Client, session_id: str) -> httpx.Response:
    return client.post("/v1/fleets/f/assign", json={"session_id": session_id})


def where(client: httpx.Client, session_id: str) -> str:
    return str(client.get(f"/v1/fleets/f/sessions/{session_id}").json()["pool_id"])
