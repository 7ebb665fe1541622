"""A fleet of a real dispatcher, as tests use it past the code under test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from testbed.service_process import ServiceProcess

CLASS = {"name": "c", "utility": {"kind": "log_share", "resource": 20}}


@dataclass(frozen=True)
class Fleet:
    """A fleet of pools `c-1`, `c-2`, … of one class, with addresses."""

    service: ServiceProcess
    name: str

    @classmethod
    def create(cls, service: ServiceProcess, name: str = "", /, pools: int = 3, capacity: int = 1000) -> Fleet:
        made = cls(service, name or f"f-{uuid4().hex[:8]}")
        service.call("PUT", f"/v1/fleets/{made.name}", {"classes": [CLASS | {"capacity": capacity}]})
        numbers = range(1, pools + 1)
        listed = [{"pool_id": f"c-{n}", "pool_class": "c", "address": f"10.0.0.{n}:80"} for n in numbers]
        made.call("POST", "pools", {"pools": listed})
        return made

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self.service.call(method, f"/v1/fleets/{self.name}/{path}", body)

    def assign(self, *session_ids: str) -> list[str]:
        """The pools that the sessions were placed on."""
        return [str(self.call("POST", "assign", {"session_id": id_})["pool_id"]) for id_ in session_ids]

    def complete(self, session_id: str) -> None:
        self.call("POST", "complete", {"session_id": session_id})

    def begin_and_end(self, *session_ids: str, seconds: float = 1) -> list[str]:
        """Place sessions; the lines of their ends."""
        pools = self.assign(*session_ids)
        return [f"slta1 end {id_} {pool} {seconds}" for id_, pool in zip(session_ids, pools, strict=True)]

    @property
    def live(self) -> int:
        """Sessions."""
        return int(self.call("GET", "state")["sessions"]["active"])

    def counter(self, name: str) -> int:
        return int(self.call("GET", "state")["counters"][name])

    def pool_of(self, session_id: str) -> str:
        return str(self.call("GET", f"sessions/{session_id}")["pool_id"])

    def status(self, session_id: str) -> int:
        """200: live; 409: ended; 404: unknown."""
        try:
            self.pool_of(session_id)
        except httpx.HTTPStatusError as error:
            return error.response.status_code
        return 200
