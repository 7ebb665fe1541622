"""A fleet file is applied once, finished after an interruption, and again where its document is lost."""

from __future__ import annotations

import json

import pytest
from redis import Redis

from slta.fleet_file import LoadedFleet, Specs, parse_document
from slta.fleet_file.applying import apply_file
from slta.store import Store
from testbed.in_process import TINY
from tests.store.fleets import FLEET, TWO_CLASSES, spec


@pytest.fixture
def loaded() -> LoadedFleet:
    """A fleet file with pools of classes that the fleets here have."""
    return LoadedFleet(FLEET, parse_document(json.dumps(TINY)), "digest", "fleet.yaml")


async def test_a_fleet_file_is_applied_once(store: Store, loaded: LoadedFleet) -> None:
    applied = await apply_file(store, Specs(), loaded)
    assert applied
    assert applied.configured.created
    other = json.dumps(json.loads(applied.document) | {"retention_seconds": 99})
    await store.fleets.configure(loaded.name, await Specs().of(other), other)
    assert await apply_file(store, Specs(), loaded) is None
    assert (await store.fleets.config(loaded.name))[0] == other


@pytest.mark.parametrize("damage", [None, "{"])
async def test_a_fleet_file_is_applied_again_where_no_document_can_be_read(
    store: Store, loaded: LoadedFleet, redis: Redis, damage: str | None
) -> None:
    applied = await apply_file(store, Specs(), loaded)
    assert applied
    key = f"{{{FLEET}}}:document"
    redis.delete(key) if damage is None else redis.hset(key, "text", damage)
    assert await apply_file(store, Specs(), loaded)
    assert (await store.fleets.config(loaded.name))[0] == applied.document
    assert await apply_file(store, Specs(), loaded) is None


async def test_of_a_file_whose_pools_are_missing_only_these_are_added(store: Store, loaded: LoadedFleet) -> None:
    document = loaded.file.document()
    await store.fleets.configure(loaded.name, await Specs().of(document), document, file=loaded.digest)
    applied = await apply_file(store, Specs(), loaded)
    assert applied
    assert (applied.document, applied.configured.config_version) == (document, 1)
    assert applied.pools.created
    assert await apply_file(store, Specs(), loaded) is None


async def test_a_file_is_finished_unless_another_one_was_begun_meanwhile(store: Store) -> None:
    for file in ("one", "other"):
        await store.fleets.configure(FLEET, spec(*TWO_CLASSES), "{}", file=file)
    for file, is_complete in (("one", False), ("other", True)):
        await store.fleets.finish_file(FLEET, file)
        assert await store.fleets.applied_file(FLEET) == ("other", is_complete)
