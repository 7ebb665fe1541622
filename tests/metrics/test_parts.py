"""Parts of the metrics: those of the process, those of the fleets, and families by level."""

from __future__ import annotations

import asyncio
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from slta.fleet_file import FleetFile, Specs
from slta.metrics import Metrics
from slta.metrics.families import LEVEL_ROWS
from slta.models.request_record import Scrape
from slta.store import Store, StoreSettings
from testbed.in_process import tick
from testbed.servers import Server
from tests.expositions import scrape, text_of
from tests.metrics.conftest import PATIENT, define

OF_TIME = re.compile(r"seconds|mean$|bound$|gap$")
"""Names of families whose values change with time alone: integrals, and averages over windows."""


@pytest.fixture
async def store(store: Store) -> Store:
    """With two fleets and sessions, one of which observes."""
    for fleet, policy in (("f", "slta"), ("o", "observe")):
        await create(store, fleet, policy)
    return store


async def create(store: Store, fleet: str, policy: str) -> None:
    curve = {"kind": "log_share", "resource": 20}
    classes = [{"name": name, "capacity": 5, "utility": curve, "pools": 3} for name in ("small", "large")]
    await define(store, fleet, FleetFile.read({"policy": policy, "classes": classes}))
    for session in "abcd":
        await store.sessions.report(fleet, session, "small-1", None)
    await tick(store, fleet)


def names(text: str) -> set[str]:
    return {family.name for family in parse_text(text)}


def samples(text: str) -> dict[str, str]:
    """Value by name and labels."""
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


async def test_both_parts_are_what_each_of_them_is(store: Store, metrics: Metrics) -> None:
    both, process, fleets = [await scrape(metrics, store, of=of) for of in (None, "process", "fleets")]
    assert names(both) == names(process) | names(fleets)
    assert not names(process) & names(fleets)


async def test_the_fleets_part_has_only_what_is_of_the_fleets(store: Store, metrics: Metrics) -> None:
    series = samples(await scrape(metrics, store, of="fleets"))
    assert [one for one in series if 'fleet="' not in one] == ["slta_fleets"]
    assert series["slta_fleets"] == "2.0"


async def test_the_process_part_reads_no_fleet(store: Store, metrics: Metrics) -> None:
    series = samples(await scrape(metrics, store, of="process"))
    assert not [one for one in series if re.search(r'\bfleet="(?!none")', one)]
    assert 'slta_store_duration_seconds_count{function="snapshot"}' not in series
    assert "slta_scrape_age_seconds" not in series, "no fleet metrics were returned"
    assert series["slta_store_up"] == "1.0"


async def test_the_process_part_has_the_age_of_the_fleet_metrics_returned_last(store: Store, metrics: Metrics) -> None:
    await scrape(metrics, store, of="fleets")
    first, second = [samples(await scrape(metrics, store, of="process"))["slta_scrape_age_seconds"] for _ in range(2)]
    assert first == second
    assert 0 < float(first) < 60


BY_LEVEL = {row.full_name for row in LEVEL_ROWS}


async def test_families_by_level_are_on_request_only(store: Store, metrics: Metrics) -> None:
    few, many = [await scrape(metrics, store, of="fleets", levels=asked) for asked in (False, True)]
    added = names(many) - names(few)
    assert added
    assert added <= BY_LEVEL
    assert not names(few) & BY_LEVEL


async def test_scrapes_that_ask_for_different_families_do_not_share_a_reading(store: Store, metrics: Metrics) -> None:
    texts = await asyncio.gather(*(scrape(metrics, store, of="fleets", levels=asked) for asked in (False, True)))
    assert ["slta_occupancy_ratio" in names(text) for text in texts] == [False, True]


async def test_two_dispatchers_differ_in_what_is_of_time_only(store: Store, metrics: Metrics, server: Server) -> None:
    other_metrics, wanted = Metrics(), Scrape(of="fleets", levels=True)
    other = await Store.open(PATIENT(server.url), other_metrics)
    texts = await asyncio.gather(
        text_of(await metrics.render(store, Specs(), wanted)),
        text_of(await other_metrics.render(other, Specs(), wanted)),
    )
    await other_metrics.end()
    await other.close()
    one, two = map(samples, texts)
    assert list(one) == list(two)
    differing = {series.partition("{")[0] for series in one if one[series] != two[series]}
    assert not [name for name in differing if not OF_TIME.search(name.removesuffix("_total"))]


async def test_a_store_that_is_gone_is_told_by_each_part(store: Store, metrics: Metrics, server: Server) -> None:
    hasty = await Store.open(StoreSettings(server.url), metrics)
    server.kill()
    assert samples(await scrape(metrics, hasty, of="process"))["slta_store_up"] == "0.0"
    assert samples(await scrape(metrics, hasty, of="fleets")) == {}
    await hasty.close()
