"""The agent before a real dispatcher: its pools live, are drained and removed, and nothing ends it but its signals."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from slta.auth.keys import generate_key
from slta.cli.target import Target
from slta_integrations.agent.agent import Agent, timeout_seconds
from slta_integrations.agent.config import AgentFile
from slta_integrations.agent.metrics import Metrics
from slta_integrations.client import Client
from slta_integrations.notices import Notices
from testbed.awaiting import eventually, until
from testbed.live_fleet import CLASS, Fleet
from testbed.processes import Process
from testbed.service_process import ServiceProcess

TTL = 2


class Running:
    """An agent in the test's event loop."""

    def __init__(self, agent: Agent, metrics: Metrics) -> None:
        self._metrics = metrics
        self.agent = agent
        self.task = asyncio.create_task(agent.run())

    def beats(self, outcome: str = "ok") -> float:
        return self._metrics.registry.get_sample_value("slta_agent_heartbeats_total", {"outcome": outcome}) or 0

    async def until_beaten(self) -> None:
        before = self.beats()
        await eventually(lambda: self.beats() > before)

    async def leave(self) -> list[str]:
        """Leave, and wait for the end; the pools that are left."""
        self.agent.leaving.set()
        await self.task
        return self.agent.left


@asynccontextmanager
async def running(fleet: Fleet, url: str | None = None, *, key: str = "", **options: Any) -> AsyncIterator[Running]:
    """`options` are fields of the file; the pool is `p` of the class `c`, with the fields in `pool`."""
    entry = {"pool_id": "p", "pool_class": "c", **options.pop("pool", {})}
    fields = {"fleet": fleet.name, "ttl_seconds": TTL, "drain_seconds": 60, "pools": [entry], **options}
    metrics, file = Metrics(), AgentFile.model_validate(fields)
    async with Client(Target(url or fleet.service.url, fleet.name, key), timeout_seconds(TTL)) as client:
        made = Running(Agent(file, client, metrics, Notices("agent")), metrics)
        try:
            yield made
        finally:
            made.task.cancel()
            await asyncio.wait([made.task])


def pool(fleet: Fleet, pool_id: str = "p") -> Any:
    """The pool as slta has it, None without it."""
    found = {entry["pool_id"]: entry for entry in fleet.call("GET", "pools?limit=1000")["pools"]}
    return found.get(pool_id)


async def test_a_pool_is_registered_alive_and_gone_at_the_end(fleet: Fleet, tmp_path: Path) -> None:
    file = tmp_path / "present"
    entry = {"address": "10.0.0.7:80", "labels": {"zone": "a"}}
    async with running(fleet, present_file=file, pool=entry) as made:
        await made.until_beaten()
        found = pool(fleet)
        assert (found["liveness"], found["status"], found["address"], found["labels"]) == (
            "alive",
            "active",
            "10.0.0.7:80",
            {"zone": "a"},
        )
        assert file.exists()
        assert await made.leave() == []
    assert pool(fleet) is None
    assert not file.exists()


async def test_a_pool_that_an_operator_removes_is_registered_again(fleet: Fleet) -> None:
    async with running(fleet) as made:
        await made.until_beaten()
        fleet.call("DELETE", "pools/p")
        await made.until_beaten()
        assert pool(fleet)["liveness"] == "alive"


async def test_an_unhealthy_pool_is_drained_and_returned(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "well").touch()
    health = {"command": ["test", "-e", str(tmp_path / "well")], "every_seconds": 0.05}
    async with running(fleet, pool={"health": health}) as made:
        await made.until_beaten()
        (tmp_path / "well").unlink()
        await eventually(lambda: pool(fleet)["status"] == "draining")
        (tmp_path / "well").touch()
        await eventually(lambda: pool(fleet)["status"] == "active" and not pool(fleet)["labels"])


@pytest.mark.slow
async def test_a_list_is_sent_when_the_counts_differ(fleet: Fleet) -> None:
    sources = {"count": {"command": ["echo", "1"]}, "sessions": {"command": ["echo", "b"], "settle_seconds": 0}}
    async with running(fleet, pool=sources) as made:
        await made.until_beaten()
        fleet.call("POST", "pools/status", {"status": "draining", "pool_ids": ["c-1", "c-2", "c-3"]})
        fleet.assign("a", "x")
        await eventually(lambda: fleet.live == 1)
        assert fleet.pool_of("b") == "p"


@pytest.mark.slow
async def test_a_key_for_the_pool_alone_is_enough(tmp_path: Path) -> None:
    keys = {scope: generate_key([scope], pools=["p"] if scope == "pool" else []) for scope in ("pool", "admin")}
    entries = [entry.model_dump(mode="json") for _, entry in keys.values()]
    entries[0] |= {"classes": [CLASS["name"]], "most_pools": 1}
    file = tmp_path / "keys.yaml"
    file.write_text(yaml.safe_dump({"keys": entries}))
    with ServiceProcess(tmp_path, keys_file=file) as service:
        service.call("PUT", "/v1/fleets/f", {"classes": [CLASS | {"capacity": 1000}]}, keys["admin"][0])
        async with running(Fleet(service, "f"), key=keys["pool"][0]) as made:
            await made.until_beaten()
            assert await made.leave() == []


@pytest.mark.slow
def test_a_second_signal_logs_the_pools_left(fleet: Fleet, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "agent.yaml"
    entry = {"pool_id": "p", "pool_class": "c"}
    fields = {"url": fleet.service.url, "fleet": fleet.name, "ttl_seconds": TTL, "drain_seconds": 3600}
    file.write_text(yaml.safe_dump(fields | {"pools": [entry]}))
    with Process(sys.executable, "-m", "slta.cli", "agent", "--config", file) as process:
        until(lambda: pool(fleet) or process.poll() is not None)
        fleet.call("POST", "pools/status", {"status": "draining", "pool_ids": ["c-1", "c-2", "c-3"]})
        assert fleet.assign("a") == ["p"]
        process.terminate()
        until(lambda: pool(fleet)["status"] == "draining")
        assert process.end() == 1
    assert capfd.readouterr().err.endswith("INFO Ended, pools left: p\n")
    assert pool(fleet)["labels"] == {"slta.agent": "drained"}
