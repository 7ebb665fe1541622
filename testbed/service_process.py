"""A whole service in a process of its own, as `slta serve` runs it, and small calls of its API."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from slta.auth.keys import Scope, generate_key
from testbed.processes import Process, environment, is_listening
from testbed.servers import free_port

TLS = httpx.create_ssl_context()
"""TLS context, made once: otherwise httpx reads all CAs for each call."""
SERVE = ("-m", "slta.cli", "serve")
FLEET = """
fleet: f
classes:
  - {name: small, utility: {kind: log_share, resource: 20}, capacity: 60, pools: 3}
  - {name: large, utility: {kind: log_share, resource: 30}, capacity: 90, pools: 3}
"""


class ServiceProcess(Process):
    """A dispatcher on the data in `folder`, without access control unless it has a file of keys.

    It is ready when it has its store; where it `needs_store` not, when it says that it listens.
    """

    unready = (httpx.HTTPError,)

    def __init__(
        self,
        folder: Path,
        *options: str,
        keys_file: Path | None = None,
        program: Sequence[str] = SERVE,
        settings: Mapping[str, str] | None = None,
        needs_store: bool = True,
    ) -> None:
        """`program` are the arguments of Python before the options; `settings` are environment variables."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._needs_store = needs_store
        given = ["--port", str(port), "--data-dir", str(folder / "data"), *options]
        given += ["--keys-file", str(keys_file)] if keys_file else []
        access = {} if "--keys-file" in given else {"SLTA_AUTH": "false"}
        variables = environment(SLTA_LOG_FORMAT="json", **access, **(settings or {}))
        super().__init__(
            *(sys.executable, *program, *given), log=folder / f"serve-{port}.log", port=port, env=variables
        )

    def is_ready(self) -> bool:
        if not self._needs_store:
            return bool(self.events("listening"))
        return is_listening(self.port) and self.call("GET", "/readyz") is not None

    def call(self, method: str, path: str, body: object = None, key: str | None = None) -> Any:
        """Call the API; the reply's JSON, None without a body."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = httpx.request(method, self.url + path, json=body, headers=headers, timeout=10, verify=TLS)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def assign(self, fleet: str, sessions: int) -> None:
        """Assign so many sessions, without a lease."""
        for _ in range(sessions):
            self.call("POST", f"/v1/fleets/{fleet}/assign", {"lease_seconds": 0})

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=10, verify=TLS)

    def events(self, name: str) -> list[dict[str, Any]]:
        """Whole lines of its log: one that was killed may have begun another."""
        lines = (line for line in self.output.splitlines() if line.startswith("{") and line.endswith("}"))
        return [event for event in map(json.loads, lines) if event["event"] == name]


def key_file(folder: Path, *scopes: Sequence[Scope]) -> tuple[Path, list[str]]:
    """A file of keys, and a key for each list of scopes."""
    made = [generate_key(list(one)) for one in scopes]
    entries = [entry.model_dump(mode="json", exclude_none=True) for _, entry in made]
    file = folder / "keys.yaml"
    file.write_text(yaml.safe_dump({"keys": entries}), encoding="utf-8")
    return file, [key for key, _ in made]


@contextmanager
def serving(
    folder: Path, *options: str, program: Sequence[str] = SERVE, **settings: str
) -> Iterator[tuple[ServiceProcess, httpx.Client]]:
    """A dispatcher that listens, and a client of it."""
    service = ServiceProcess(folder, *options, program=program, settings=settings, needs_store=False)
    with service, service.client() as client:
        yield service, client


def assign(client: httpx.Client, session_id: str) -> httpx.Response:
    return client.post("/v1/fleets/f/assign", json={"session_id": session_id})


def where(client: httpx.Client, session_id: str) -> str:
    return str(client.get(f"/v1/fleets/f/sessions/{session_id}").json()["pool_id"])
