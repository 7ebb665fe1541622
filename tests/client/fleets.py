"""A fleet as the tests of the client see it, past the client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.service_process import ServiceProcess

UTILITY = {"kind": "log_share", "resource": 20}


@dataclass(frozen=True)
class Fleet:
    """A fleet of `pools` pools `c-1`, `c-2`, … of one class, with addresses."""

    service: ServiceProcess
    name: str
    http: httpx.Client

    @classmethod
    def create(
        cls, service: ServiceProcess, http: httpx.Client, name: str, pools: int = 3, capacity: int = 1000
    ) -> Fleet:
        made = cls(service, name, http)
        one = {"name": "c", "utility": UTILITY, "capacity": capacity}
        made._call("PUT", "", {"classes": [one]})
        numbers = range(1, pools + 1)
        listed = [{"pool_id": f"c-{n}", "pool_class": "c", "address": f"10.0.0.{n}:80"} for n in numbers]
        made._call("POST", "/pools", {"pools": listed})
        return made

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self._call(method, f"/{path}", body)

    def complete(self, session_id: str) -> None:
        self.call("POST", "complete", {"session_id": session_id})

    @property
    def live(self) -> int:
        return int(self.call("GET", "state")["sessions"]["active"])

    def counter(self, name: str) -> int:
        return int(self.call("GET", "state")["counters"][name])

    def status(self, session_id: str) -> int:
        """200: live; 409: ended; 404: unknown."""
        return self.http.get(f"{self._url}/sessions/{session_id}").status_code

    def _call(self, method: str, path: str, body: object = None) -> Any:
        answer = self.http.request(method, self._url + path, json=body)
        answer.raise_for_status()
        return answer.json()

    @property
    def _url(self) -> str:
        return f"{self.service.url}/v1/fleets/{self.name}"
