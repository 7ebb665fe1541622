"""A whole service in a process of its own, as `slta serve` runs it, and small calls of its API."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx

from testbed.servers import free_port

TLS = httpx.create_ssl_context()
"""Made once: otherwise httpx reads all CAs for each call."""
READY_SECONDS = 30.0
END_SECONDS = 8.0


class ServiceProcess:
    """Starts, ends and starts again on the same port and the same data."""

    def __init__(
        self,
        folder: Path,
        keys_file: Path | None = None,
        program: Sequence[str] = ("slta.cli", "serve"),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`program` is the module to run, and its first arguments; `settings` are environment variables."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "log"
        self._folder = folder
        self._keys_file = keys_file
        self._program = program
        self._settings = settings or {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process, which runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        options = ["--port", str(self.port), "--data-dir", str(self._folder / "data")]
        options += ["--keys-file", str(self._keys_file)] if self._keys_file else []
        environment = os.environ | ({} if self._keys_file else {"SLTA_AUTH": "off"}) | dict(self._settings)
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", *self._program, *options]
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self._wait_until_ready()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Ask it to end; streams that are open must not hold it up."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(END_SECONDS)
            self._process = None

    def kill(self) -> None:
        """It ends without a word, as if its machine had."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP and SIGCONT: it stands still, and goes on."""
        if self._process is not None:
            self._process.send_signal(number)

    def call(self, method: str, path: str, body: object = None, key: str | None = None) -> Any:
        """The answer's JSON; None for an answer without a body."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = httpx.request(method, self.url + path, json=body, headers=headers, timeout=10, verify=TLS)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def assign(self, fleet: str, sessions: int) -> None:
        """So many sessions more, without a lease."""
        for _ in range(sessions):
            self.call("POST", f"/v1/fleets/{fleet}/assign", {"lease_seconds": 0})

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                self.call("GET", "/readyz")
                return
            except httpx.HTTPError:
                assert self._process is not None
                assert self._process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, "the service did not become ready"
                time.sleep(0.05)
