"""The agent in a time of its own, before a fleet that a test changes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar, cast
from unittest.mock import patch

from slta_client.replies import Reply
from slta_integrations.agent import pool as agent_pool
from slta_integrations.agent.agent import Agent
from slta_integrations.agent.config import AgentFile, Health, Listing, Source
from slta_integrations.agent.metrics import Metrics
from slta_integrations.agent.probe_output import ProbeError
from slta_integrations.client import Client
from slta_integrations.notices import Notices
from tests.runtime.virtual_time import VirtualTime

CALL_SECONDS = 0.001
UNKNOWN_POOL = Reply(404, "unknown_pool", {})
AWAY = Reply(503, "store_unavailable", {})


@dataclass
class FleetPool:
    """A pool as slta has it."""

    pool_class: str = "small"
    status: str = "active"
    address: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    sessions: int = 0
    list: bool = False
    """The next heartbeat is asked for a list."""
    last_beat: float | None = None


@dataclass
class Made:
    """A call and its time."""

    at: float
    kind: str
    pool_ids: tuple[str, ...]
    body: Any


def made_of(at: float, method: str, path: str, body: Any) -> Made:
    if rows := (body or {}).get("heartbeats") or (body or {}).get("pools"):
        kind = "heartbeats" if path.endswith("heartbeats") else "register"
        return Made(at, kind, tuple(row["pool_id"] for row in rows), body)
    _, pool_id, *verb = path.split("/")
    return Made(at, verb[0] if verb else {"GET": "read", "DELETE": "remove"}[method], (pool_id,), body)


class Simulation:
    """An agent, and a fleet that answers it. `pytest` closes it after the test."""

    begun: ClassVar[list[Simulation]] = []

    def __init__(
        self, *pool_ids: str, pool: dict[str, Any] | None = None, has: FleetPool | None = None, **options: Any
    ) -> None:
        """`pool` has fields of each pool's entry, `options` those of the file; `has` is what slta has as `p`."""
        entries = [{"pool_id": id_, "pool_class": "small", **(pool or {})} for id_ in pool_ids or ("p",)]
        file = AgentFile.model_validate({"fleet": "f", "pools": entries, **options})
        self.metrics = Metrics()
        self.pools = {"p": has} if has else {}
        self.made: list[Made] = []
        self.probes: list[tuple[float, str]] = []
        self.healthy = True
        self.outputs: dict[str, bytes] = {"count": b"3", "sessions": b'["s-1", "s-2"]'}
        self.probe_seconds = 0.0
        self.refusal: dict[str, Reply] = {}
        """Replies by kind of call, `any` for all."""
        self.next_seconds: Any = 3.0
        self._loop = VirtualTime()
        self._loop._now = 100.0
        self._stack = ExitStack()
        self._stack.enter_context(patch.object(agent_pool, "ask", self._ask))
        self.begun.append(self)
        self._loop.run_until_complete(self._begin(file))

    async def _begin(self, file: AgentFile) -> None:
        notices = Notices("agent", self._loop.time)
        self.agent = Agent(file, cast("Client", self), self.metrics, notices)
        self._running = asyncio.create_task(self.agent.run())

    @property
    def now(self) -> float:
        return self._loop.time()

    def close(self) -> None:
        self._running.cancel()
        self._loop.run_until_complete(asyncio.wait([self._running]))
        self._loop.close()
        self._stack.close()

    def run(self, seconds: float, *, healthy: bool | None = None, leave: bool = False) -> None:
        """Let the time pass, or what is left of it until the agent is over; from now on healthy or not, or leaving."""
        self.healthy = self.healthy if healthy is None else healthy
        if leave:
            self._loop.call_soon(self.agent.leaving.set)
        self._loop.run_until_complete(asyncio.wait([self._running], timeout=seconds))
        if self._running.done():
            self._running.result()

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None) -> Reply:
        """As the agent's client."""
        made = made_of(self.now, method, path, body)
        self.made.append(made)
        reply = self.refusal.get("any") or self.refusal.get(made.kind) or self._answer(made)
        await asyncio.sleep(CALL_SECONDS)
        return reply

    async def _ask(self, pool_id: str, source: Source) -> bytes:
        del pool_id
        kind = "health" if isinstance(source, Health) else "sessions" if isinstance(source, Listing) else "count"
        self.probes.append((self.now, kind))
        if self.probe_seconds:
            await asyncio.sleep(self.probe_seconds)
        if kind == "health" and not self.healthy:
            raise ProbeError("exit code 1")
        return self.outputs.get(kind, b"")

    def _answer(self, made: Made) -> Reply:
        if made.kind == "heartbeats":
            rows = [self._beaten(id_) for id_ in made.pool_ids]
            return Reply(200, "", {"as_of": f"1:{int(self.now * 1e6)}", "pools": rows})
        if made.kind == "register":
            return self._registered(made.body["pools"])
        pool = self.pools.get(made.pool_ids[0])
        return UNKNOWN_POOL if pool is None else self._about(made, pool)

    def _about(self, made: Made, pool: FleetPool) -> Reply:
        if made.kind == "remove":
            if pool.sessions:
                return Reply(409, "pool_not_empty", {})
            del self.pools[made.pool_ids[0]]
            return Reply(204, "", {})
        if made.kind in {"drain", "undrain"}:
            pool.status = "draining" if made.kind == "drain" else "active"
        return Reply(200, "", {"status": pool.status, "labels": pool.labels, "ended": ["s-9"]})

    def _registered(self, rows: list[dict[str, Any]]) -> Reply:
        for row in rows:
            pool = self.pools.setdefault(row["pool_id"], FleetPool(row["pool_class"]))
            pool.address, pool.labels = row["address"], row["labels"]
        return Reply(200, "", {"created": []})

    def _beaten(self, pool_id: str) -> dict[str, Any]:
        pool = self.pools.get(pool_id)
        if pool is None:
            return {"pool_id": pool_id, "outcome": "unknown_pool", "next_seconds": self.next_seconds, "list": False}
        pool.last_beat, asked, pool.list = self.now, pool.list, False
        outcome = "failed" if pool.status == "failed" else "ok"
        return {"pool_id": pool_id, "outcome": outcome, "next_seconds": self.next_seconds, "list": asked}

    def kinds(self, *, beats: bool = False) -> list[str]:
        """Calls so far, without heartbeats by default; forgets them."""
        found = [made.kind for made in self.made if beats or made.kind != "heartbeats"]
        self.made.clear()
        return found

    def times(self, kind: str) -> list[float]:
        """When calls of this kind were made."""
        return [made.at for made in self.made if made.kind == kind]

    def gaps(self, kind: str) -> list[float]:
        """Times between them."""
        return [later - at for at, later in pairwise(self.times(kind))]

    def bodies(self, kind: str) -> list[Any]:
        return [made.body for made in self.made if made.kind == kind]

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"slta_agent_{name}", labels) or 0


def begun(*pool_ids: str, **options: Any) -> Simulation:
    """An agent that has run for a second."""
    simulation = Simulation(*pool_ids, **options)
    simulation.run(1)
    return simulation
