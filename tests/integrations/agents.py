"""The agent's state machine in a time of its own, before a fleet that a test changes."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from slta_client.replies import Reply
from slta_integrations.agent.calls import Call
from slta_integrations.agent.config import AgentFile
from slta_integrations.agent.metrics import Metrics
from slta_integrations.agent.probing import Probe, Probed
from slta_integrations.agent.state_machine import Agent
from slta_integrations.notices import Notices

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
    call: Call


class Simulation:
    """An agent, and a fleet that answers it."""

    def __init__(
        self, *pool_ids: str, pool: dict[str, Any] | None = None, has: FleetPool | None = None, **options: Any
    ) -> None:
        """`pool` has fields of each pool's entry, `options` those of the file; `has` is what slta has as `p`."""
        entries = [{"pool_id": id_, "pool_class": "small", **(pool or {})} for id_ in pool_ids or ("p",)]
        file = AgentFile.model_validate({"fleet": "f", "pools": entries, **options})
        self.metrics = Metrics()
        self.now = 100.0
        self.agent = Agent(file, self.metrics, Notices("agent", lambda: self.now), random.Random(1))
        self.pools = {"p": has} if has else {}
        self.made: list[Made] = []
        self.probes: list[tuple[float, Probe]] = []
        self.healthy = True
        self.outputs: dict[str, bytes] = {"count": b"3", "sessions": b'["s-1", "s-2"]'}
        self.refusal: dict[str, Reply] = {}
        """Replies by kind of call, `any` for all."""
        self.next_seconds = 3.0

    def run(self, seconds: float, *, healthy: bool | None = None, leave: bool = False) -> None:
        """Let the time pass, or what is left of it until the agent is over; from now on healthy or not, or leaving."""
        end = self.now + seconds
        self.healthy = self.healthy if healthy is None else healthy
        if leave:
            self.agent.leave(self.now)
        while self.now < end and not self.agent.is_over(self.now):
            probe, call = self.agent.probes.next(self.now), None
            if isinstance(probe, Probe):
                self.probes.append((self.now, probe))
                self.agent.probes.apply(probe, self._output(probe), self.now)
                continue
            call = self.agent.next_call(self.now)
            if isinstance(call, Call):
                self._make(call)
            else:
                assert min(probe, call) > self.now, "the agent asks to be called at once, and has nothing to do"
                self.now = min(probe, call, end)

    def _make(self, call: Call) -> None:
        self.made.append(Made(self.now, call))
        reply = self.refusal.get("any") or self.refusal.get(call.kind) or self._answer(call)
        sent_at, self.now = self.now, self.now + CALL_SECONDS
        self.agent.answered(call, reply, sent_at, self.now)

    def _output(self, probe: Probe) -> Probed:
        if probe.kind == "health":
            return Probed() if self.healthy else Probed(problem="exit code 1")
        return Probed(self.outputs[probe.kind])

    def _answer(self, call: Call) -> Reply:
        if call.kind == "heartbeats":
            rows = [self._beaten(id_) for id_ in call.pool_ids]
            return Reply(200, "", {"as_of": f"1:{int(self.now * 1e6)}", "pools": rows})
        if call.kind == "register":
            return self._registered((call.body or {})["pools"])
        pool = self.pools.get(call.pool_ids[0])
        return UNKNOWN_POOL if pool is None else self._about(call, pool)

    def _about(self, call: Call, pool: FleetPool) -> Reply:
        if call.kind == "remove":
            if pool.sessions:
                return Reply(409, "pool_not_empty", {})
            del self.pools[call.pool_ids[0]]
            return Reply(204, "", {})
        if call.kind in {"drain", "undrain"}:
            pool.status = "draining" if call.kind == "drain" else "active"
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
        found = [made.call.kind for made in self.made if beats or made.call.kind != "heartbeats"]
        self.made.clear()
        return found

    def times(self, kind: str) -> list[float]:
        """When calls of this kind were made."""
        return [made.at for made in self.made if made.call.kind == kind]

    def gaps(self, kind: str) -> list[float]:
        """Times between them."""
        return [later - at for at, later in pairwise(self.times(kind))]

    def bodies(self, kind: str) -> list[Any]:
        return [made.call.body for made in self.made if made.call.kind == kind]

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"slta_agent_{name}", labels) or 0


def begun(*pool_ids: str, **options: Any) -> Simulation:
    """An agent that has run for a second."""
    simulation = Simulation(*pool_ids, **options)
    simulation.run(1)
    return simulation
