"""The last free places are kept for sessions that are not of low priority."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.models import errors
from slta.store import Store
from testbed.servers import TextRedis
from tests import rawstate
from tests.store.fleets import FLEET, LARGE, SMALL, create, pool_class

CLASSES = (pool_class("small", SMALL, 4), pool_class("large", LARGE, 6))


async def kept(store: Store, types: Mapping[str, Sequence[str]], reserve: int = 3) -> None:
    """A fleet of ten places, of which the last ones are kept."""
    spec = FleetSpec(CLASSES, POLICIES["jlmu"], lease_seconds=0, session_types=types, reserve_for_priority=reserve)
    await create(store, spec, {"small": 1, "large": 1})


async def placed(store: Store, prefix: str, *, low: bool, session_type: str = "default") -> int:
    """How many sessions are placed until one is refused."""
    for number in range(11):
        try:
            await store.sessions.assign(
                FLEET, f"{prefix}{number}", None, priority="low" if low else "high", session_type=session_type
            )
        except (errors.LowPriorityError, errors.NoCapacityError) as error:
            assert isinstance(error, errors.LowPriorityError) == low  # noqa: PT017 - one of both
            return number
    raise AssertionError


@pytest.mark.parametrize("types", [{}, {"video": ["large"]}])
async def test_one_of_low_priority_is_refused_while_no_more_places_are_free(
    store: Store, redis: TextRedis, types: Mapping[str, Sequence[str]]
) -> None:
    await kept(store, types)
    assert (await placed(store, "l", low=True), await placed(store, "h", low=False)) == (7, 3)
    with pytest.raises(errors.NoCapacityError):
        await store.sessions.assign(FLEET, "l", None, priority="low")
    counters = rawstate.fields(redis, FLEET)
    assert (counters["rejected_low_priority"], counters["rejected_no_capacity"]) == ("1", "2")


async def test_of_a_type_the_free_places_of_its_classes_count_together(store: Store) -> None:
    await kept(store, {"video": ["large"]})
    assert await placed(store, "v", low=True, session_type="video") == 3
    assert await placed(store, "l", low=True) == 4, "small has room"


async def test_who_is_there_and_who_is_reported_is_not_refused(store: Store) -> None:
    await kept(store, {})
    assert await placed(store, "l", low=True) == 7
    assert (await store.sessions.assign(FLEET, "l0", None, priority="low")).replayed
    pool = (await store.sessions.assign(FLEET, "h", None)).pool_id
    await store.sessions.complete(FLEET, "h")
    assert (await store.sessions.report(FLEET, "reported", pool, None)).outcome == "new"


async def test_by_default_no_places_are_kept(store: Store) -> None:
    await kept(store, {}, reserve=0)
    for number in range(10):
        await store.sessions.assign(FLEET, f"l{number}", None, priority="low")
