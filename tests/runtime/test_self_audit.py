"""A dispatcher's own checks: at the start and again and again, told to the metrics, without mending anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from unittest.mock import AsyncMock

import pytest
from redis import Redis
from structlog.testing import capture_logs

from slta.audit import repair_fleet
from slta.fleet_file import Specs, parse_document
from slta.fleet_file.applying import apply_fleet
from slta.metrics import Metrics
from slta.models import Findings
from slta.models.errors import StoreUnavailableError
from slta.runtime import self_audit
from slta.runtime.self_audit import SelfAudits, self_audits
from slta.store import Store
from tests.expositions import scrape
from tests.in_process import TINY
from tests.runtime.conftest import Opening


@pytest.fixture
async def store(opening: Opening) -> Store:
    opened = opening()
    await apply_fleet(opened, Specs(), "f", parse_document(json.dumps(TINY)))
    return opened


async def test_damage_is_told_by_the_first_check_or_a_later_one_and_stays(store: Store, server: str) -> None:
    told: asyncio.Queue[list[Findings]] = asyncio.Queue()
    async with self_audits(store, Specs(), [lambda found: told.put_nowait(list(found))], pause_seconds=0.01):
        assert [one.total for one in await told.get()] == [0]
        with Redis.from_url(server) as redis:
            redis.setbit("{f}:level:0:1", 0, 1)
            while not (found := await told.get())[0].total:
                pass
            assert found[0].fleet == "f"
            assert redis.getbit("{f}:level:0:1", 0) == 1


async def test_a_damaged_fleet_is_audited_again_once_it_is_repaired_and_the_others_findings_stay(
    store: Store, server: str
) -> None:
    await apply_fleet(store, Specs(), "g", parse_document(json.dumps(TINY)))
    with Redis.from_url(server) as redis:
        for fleet in "fg":
            redis.setbit(f"{{{fleet}}}:level:0:1", 0, 1)
    told: asyncio.Queue[dict[str, bool]] = asyncio.Queue()

    def listen(found: Sequence[Findings]) -> None:
        told.put_nowait({one.fleet: one.total > 0 for one in found})

    async with self_audits(store, Specs(), [listen], watch_seconds=0.01):
        assert await told.get() == {"f": True, "g": True}
        await repair_fleet(store, Specs(), "f")
        async with asyncio.timeout(20):
            assert await told.get() == {"f": False, "g": True}
        await repair_fleet(store, Specs(), "g")
        async with asyncio.timeout(20):
            assert await told.get() == {"f": False, "g": False}


async def test_a_repair_of_a_fleet_does_not_log_the_damage_of_another_again(store: Store, server: str) -> None:
    await apply_fleet(store, Specs(), "g", parse_document(json.dumps(TINY)))
    with Redis.from_url(server) as redis:
        for fleet in "fg":
            redis.setbit(f"{{{fleet}}}:level:0:1", 0, 1)
    audits = SelfAudits(store, Specs(), [])
    with capture_logs() as logged:
        await audits.audit_all()
        await repair_fleet(store, Specs(), "f")
        await audits.audit_repaired()
    assert [entry["fleet"] for entry in logged if entry["event"] == "damage_found"] == ["f", "g"]


async def test_a_damaged_fleet_of_a_store_that_cannot_be_reached_waits(
    store: Store, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Redis.from_url(server) as redis:
        redis.setbit("{f}:level:0:1", 0, 1)
    told: list[Sequence[Findings]] = []
    audits = SelfAudits(store, Specs(), [told.append])
    await audits.audit_all()
    with monkeypatch.context() as unreachable:
        unreachable.setattr(store.fleets, "snapshot", AsyncMock(side_effect=StoreUnavailableError))
        await audits.audit_repaired()
    await repair_fleet(store, Specs(), "f")
    await audits.audit_repaired()
    assert [found[0].total > 0 for found in told] == [True, False]


async def test_an_audit_that_failed_is_tried_again_sooner(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_audit, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(self_audit, "audit_all", AsyncMock(side_effect=[StoreUnavailableError, []]))
    told = asyncio.Event()
    async with asyncio.timeout(20), self_audits(store, Specs(), [lambda _: told.set()]):
        await told.wait()


async def test_the_metrics_show_each_fleet_that_was_looked_at(store: Store) -> None:
    metrics = Metrics()
    sound = Findings(fleet="f", sentences=[], total=0, slices=9)
    damaged = Findings(fleet="g", sentences=["x"], total=1, slices=9)
    newer = Findings(fleet="h", sentences=[], total=0, slices=0, not_looked="newer_fleet")
    metrics.audited([sound, damaged, newer])
    text = await scrape(metrics, store)
    shown = [line for line in text.splitlines() if line.startswith("slta_audit_findings")]
    assert shown == ['slta_audit_findings{fleet="f"} 0.0', 'slta_audit_findings{fleet="g"} 1.0']
    metrics.audited([sound])
    assert 'fleet="g"' not in await scrape(metrics, store)
