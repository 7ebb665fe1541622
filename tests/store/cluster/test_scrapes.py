"""Scrapes of a cluster of which a shard, or all, are away."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack

import pytest

from slta.fleet_file import Specs, parse_document
from slta.fleet_file.applying import apply_fleet
from slta.metrics import Metrics
from slta.store.fleets import FLEETS_KEY
from testbed.clusters import Cluster
from tests.expositions import scrape
from tests.store.cluster.conftest import opened

pytestmark = pytest.mark.slow
FLEET = {"classes": [{"name": "a", "utility": {"kind": "log_share", "resource": 20}, "capacity": 8, "pools": 4}]}


async def test_the_fleets_of_other_shards_are_scraped(lonely: Cluster, opening: AsyncExitStack) -> None:
    store = await opened(lonely.url, opening)
    names = {node.port: lonely.fleet_on(node) for node in lonely.masters()}
    for name in names.values():
        await apply_fleet(store, Specs(), name, parse_document(json.dumps(FLEET)))
    await store.check()
    metrics = Metrics()
    assert "slta_fleets 3.0" in await scrape(metrics, store)
    listing = lonely.owner(FLEETS_KEY)
    listing.kill()
    for is_noticed in (False, True):
        text = await scrape(metrics, store)
        found = {name for name in names.values() if f'slta_aggregate_utility{{fleet="{name}"}}' in text}
        assert found == set(names.values()) - {names[listing.port]}, is_noticed
        assert "slta_fleets 3.0" not in text
        assert "slta_store_up 1.0" in text
        await store.check()
    late = await opened(lonely.url, opening)
    await late.check()
    assert "slta_fleets " not in await scrape(Metrics(), late)
    for node in lonely.masters():
        node.kill()
    await store.check()
    assert "slta_store_up 0.0" in await scrape(metrics, store)
