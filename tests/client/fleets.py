"""A fleet as the tests of the client see it, past the client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.service_process import ServiceProcess


@dataclass(frozen=True)
class Fleet:
    """A fleet of `pools` pools `c-1`, `c-2`, … of one class."""

    service: ServiceProcess
    name: str

    @classmethod
    def create(cls, service: ServiceProcess, name: str, pools: int = 3, capacity: int = 1000) -> Fleet:
        utility = {"kind": "log_share", "resource": 20}
        classes = [{"name": "c", "utility": utility, "capacity": capacity, "pools": pools}]
        service.call("PUT", f"/v1/fleets/{name}", {"classes": classes})
        for pool in range(1, pools + 1):
            address = {"pool_class": "c", "address": f"10.0.0.{pool}:80"}
            service.call("PUT", f"/v1/fleets/{name}/pools/c-{pool}", address)
        return cls(service, name)

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self.service.call(method, f"/v1/fleets/{self.name}/{path}", body)

    def complete(self, session_id: str) -> None:
        self.call("POST", "complete", {"session_id": session_id})

    @property
    def live(self) -> int:
        return int(self.call("GET", "state")["sessions"]["active"])

    def counter(self, name: str) -> int:
        return int(self.call("GET", "state")["counters"][name])

    def status(self, session_id: str) -> int:
        """200: live; 409: ended; 404: unknown."""
        url = f"{self.service.url}/v1/fleets/{self.name}/sessions/{session_id}"
        return httpx.get(url, timeout=10).status_code

    def lease_left(self, session_id: str) -> float:
        return float(self.call("GET", f"sessions/{session_id}")["lease_seconds_left"])
