"""The fleet of chapters 10 to 13: two small and two large pools of a running service, and the bits behind them.

A session adds 4, 2, 1 to a small pool and 5, 3, 1.5, 0.5 to a large one. From the best: (large, 1), (small, 1),
(large, 2), (small, 2), (large, 3), (small, 3), (large, 4).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from testbed.in_process import TINY, Service, service_in_process
from tests import rawstate
from tests.audit import violations


@dataclass
class Tiny:
    """The fleet `tiny`: calls over HTTP, and what they left in Redis."""

    service: Service

    async def post(self, call: str, **body: object) -> httpx.Response:
        """`POST /v1/fleets/tiny/<call>`."""
        return await self.service.api.post(f"/v1/fleets/tiny/{call}", json=body)

    async def assign(self, session_id: str, draw: float = 0.0, **body: object) -> httpx.Response:
        """Place a session; a choice among several pools takes number ⌊draw · pools⌋."""
        self.service.draws.waiting = [draw]
        return await self.post("assign", session_id=session_id, **body)

    async def state(self) -> dict[str, Any]:
        """`GET /v1/fleets/tiny/state`."""
        answer = await self.service.api.get("/v1/fleets/tiny/state")
        return dict(answer.json())

    async def seconds_pass(self, seconds: int) -> None:
        """Time goes on as it does for a fleet whose dispatchers are well."""
        await self.service.seconds_pass("tiny", seconds)

    def bits(self, row: str) -> str:
        """The bits of a row for the two pools of a class: "01" is the second alone."""
        return "".join(str(self.service.redis.getbit(f"{{tiny}}:{row}", pool)) for pool in range(2))

    def held(self, class_id: int) -> str:
        """The sessions on the two pools of a class that are in service: "0-" is an empty one, and one that is not."""
        scores = (self.service.redis.zscore(f"{{tiny}}:pools:{class_id}", 65536 * (16 + class_id) + k) for k in (0, 1))
        return "".join("-" if score is None else str(int(score)) for score in scores)

    def number(self, field: str) -> str:
        """A field of the fleet's state, or what follows from it."""
        return rawstate.fields(self.service.redis, "tiny")[field]

    def field(self, key: str, field: str) -> str | None:
        """A field of one of the fleet's hashes."""
        value = self.service.redis.hget(f"{{tiny}}:{key}", field)
        return None if value is None else str(value)

    def members(self, key: str) -> set[str]:
        """The members of one of the fleet's sets."""
        return set(map(str, self.service.redis.smembers(f"{{tiny}}:{key}")))

    def everything(self) -> dict[str, object]:
        """Every key of the fleet and what it holds, as Redis writes it down."""
        return {str(key): self.service.redis.dump(key) for key in self.service.redis.keys("{tiny}:*")}


@pytest.fixture
async def tiny(server: str) -> AsyncIterator[Tiny]:
    """The fleet, empty; its invariants hold when a chapter's test is over."""
    async with service_in_process(server) as service:
        created = await service.api.put("/v1/fleets/tiny", json=TINY)
        assert created.status_code == 201
        yield Tiny(service)
        assert violations(service.redis, "tiny") == []
