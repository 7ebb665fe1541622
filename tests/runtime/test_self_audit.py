"""Dispatchers' own audits: one of each fleet at the start, per hour and after a repair, without mending anything."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from unittest.mock import AsyncMock

import pytest
from redis import Redis
from structlog.testing import capture_logs

from slta.audit import audit_all, audit_fleet, repair_fleet
from slta.fleet_file import Specs, parse_document
from slta.fleet_file.applying import apply_fleet
from slta.metrics import Metrics
from slta.models import AuditResult, Findings
from slta.models.errors import StoreUnavailableError
from slta.runtime import jobs
from slta.runtime.jobs import SelfAudits
from slta.store import Store
from slta.store.fleets import FLEETS_KEY
from testbed.in_process import TINY
from tests.expositions import scrape
from tests.runtime.conftest import Opening, dispatching, ticks_of

DEADLINE_SECONDS = 20
CLAIM = "1:0"


@pytest.fixture
async def store(opening: Opening) -> Store:
    """With the fleets `f` and `g`."""
    opened = opening()
    for fleet in "fg":
        await apply_fleet(opened, Specs(), fleet, parse_document(json.dumps(TINY)))
    return opened


def audits_of(store: Store, told: list[Sequence[Findings]] | None = None) -> SelfAudits:
    return SelfAudits(store, Specs(), ([] if told is None else told).append)


def damage(redis: Redis, *fleets: str) -> None:
    for fleet in fleets:
        redis.zincrby(f"{{{fleet}}}:pools:0", 1, "1048576")


async def result(store: Store, fleet: str) -> AuditResult | None:
    return (await store.fleets.snapshot(fleet)).audit


async def findings(store: Store, fleet: str) -> int | None:
    found = await result(store, fleet)
    return found.total if found else None


async def until_found(store: Store, **expected: bool) -> None:
    """Whether there are findings, by fleet."""

    async def differ() -> bool:
        return any([((await findings(store, fleet) or 0) > 0) is not found for fleet, found in expected.items()])

    async with asyncio.timeout(DEADLINE_SECONDS):
        while await differ():  # noqa: ASYNC110 - a dispatcher writes them into the store
            await asyncio.sleep(0.05)


async def test_dispatchers_audit_a_fleet_once_and_after_repair(store: Store, redis: Redis, opening: Opening) -> None:
    damage(redis, "f", "g")
    with capture_logs() as logged:
        async with dispatching(opening()), dispatching(opening()):
            await until_found(store, f=True, g=True)
            other = await result(store, "g")
            await repair_fleet(store, Specs(), "f")
            await until_found(store, f=False, g=True)
    assert await result(store, "g") == other
    assert sorted(entry["fleet"] for entry in logged if entry["event"] == "damage_found") == ["f", "g"]
    assert redis.zscore("{g}:pools:0", "1048576") == 1


async def test_audits_are_claimed_while_none_is_queued(store: Store) -> None:
    audits = audits_of(store)
    ticks = ticks_of(store, audits)
    await ticks.tick(["f", "g"])
    for fleet in "fg":
        await ticks.tick([fleet])
    await audits.round()
    assert sorted([await findings(store, fleet) for fleet in "fg"], key=str) == [0, None]
    assert audits.is_idle


async def test_a_result_says_when_by_whom_and_what_was_found_first(store: Store, redis: Redis) -> None:
    damage(redis, "f")
    [found] = [one for one in await audit_all(store, Specs()) if one.fleet == "f"]
    audits = audits_of(store)
    audits.claimed("f", CLAIM)
    await audits.round()
    audited = await result(store, "f")
    assert audited
    assert (audited.total, audited.first) == (found.total, found.sentences[0])
    assert audited.at > 1.7e9
    assert audited.by.count("/") == 1


@pytest.mark.parametrize("error", [StoreUnavailableError, RuntimeError])
async def test_an_audit_that_cannot_be_done_is_not_stored_and_the_others_are(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    done = audit_fleet

    async def fail_for_f(of: Store, specs: Specs, fleet: str) -> Findings:
        if fleet == "f":
            raise error
        return await done(of, specs, fleet)

    monkeypatch.setattr(jobs, "audit_fleet", fail_for_f)
    audits = audits_of(store)
    for fleet in ("f", "nobody", "g"):
        audits.claimed(fleet, CLAIM)
    await audits.round()
    assert await findings(store, "f") is None
    assert await findings(store, "g") == 0
    assert audits.is_idle, "it is tried again when its claim has ended"


async def test_what_an_audit_could_not_check_is_logged(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Findings(fleet="f", sentences=[], total=0, slices=9, unchecked="sessions of each type")
    monkeypatch.setattr(jobs, "audit_fleet", AsyncMock(return_value=found))
    audits = audits_of(store)
    audits.claimed("f", CLAIM)
    with capture_logs() as logged:
        await audits.round()
    assert [(line["event"], line.get("unchecked")) for line in logged] == [("audit_incomplete", found.unchecked)]


async def test_keys_of_no_listed_fleet_are_audited_by_each_dispatcher_and_seldom(store: Store, redis: Redis) -> None:
    damage(redis, "f", "g")
    redis.srem(FLEETS_KEY, "g")
    redis.expire(FLEETS_KEY, 999)
    for _ in range(2):
        told: list[Sequence[Findings]] = []
        audits = audits_of(store, told)
        for _ in range(2):
            await audits.round()
        assert [[one.fleet for one in found] for found in told] == [["", "g"]]
        assert told[0][0].sentences == ["slta:fleets: has a time to live"]
        assert told[0][1].total > 1
    redis.persist(FLEETS_KEY)
    assert await findings(store, "g") is None


async def test_damaged_unlisted_keys_are_soon_seen(store: Store, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "RETRY_SECONDS", 0)
    redis.srem(FLEETS_KEY, "g")
    told: list[Sequence[Findings]] = []
    audits = audits_of(store, told)
    with capture_logs() as logged:
        for _ in range(2):
            await audits.round()
        await store.fleets.relist("g")
        for _ in range(2):
            await audits.round()
    assert [[one.fleet for one in found] for found in told] == [["", "g"], ["", "g"], [""]]
    assert [entry["fleet"] for entry in logged] == ["g"]


async def test_a_failed_audit_of_unlisted_keys_is_retried_sooner(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "RETRY_SECONDS", 0)
    monkeypatch.setattr(jobs, "audit_unlisted", AsyncMock(side_effect=[StoreUnavailableError, []]))
    told: list[Sequence[Findings]] = []
    audits = audits_of(store, told)
    for _ in range(3):
        await audits.round()
    assert told == [[]]


async def test_the_metrics_show_what_was_found_where(store: Store, redis: Redis) -> None:
    damage(redis, "f")
    metrics = Metrics()
    audits = SelfAudits(store, Specs(), metrics.unlisted_audited)
    audits.claimed("f", CLAIM)
    await audits.round()
    lines = (await scrape(metrics, store)).splitlines()
    series = (line.split() for line in lines if re.match("slta_(store_)?audit_", line))
    found = await result(store, "f")
    assert found
    assert {name: float(value) for name, value in series} == {
        'slta_audit_findings{fleet="f"}': found.total,
        'slta_store_audit_findings{fleet=""}': 0,
    }


async def test_the_series_of_an_unlisted_fleet_goes_with_it(store: Store) -> None:
    metrics = Metrics()
    server = Findings(fleet="", sentences=[], total=0, slices=0)
    unlisted = Findings(fleet="u", sentences=["x"], total=1, slices=9)
    newer = Findings(fleet="h", sentences=[], total=0, slices=0, not_looked="newer_fleet")
    for found, series in (([server, unlisted, newer], ["", "u"]), ([server], [""])):
        metrics.unlisted_audited(found)
        lines = (await scrape(metrics, store)).splitlines()
        shown = [line for line in lines if line.startswith("slta_store_audit")]
        assert [line.split('"')[1] for line in shown] == series
