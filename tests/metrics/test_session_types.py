"""Metrics of fleets with session types."""

from __future__ import annotations

import pytest

from slta.metrics import Metrics
from slta.metrics.families import FLEET_ROWS, view_of
from slta.models import errors
from slta.store import Store
from tests.metrics.conftest import define
from tests.metrics.test_metrics import empty_store, exposition, series, server, small_fleet, value

__all__ = ["empty_store", "server"]


@pytest.fixture
async def store(empty_store: Store) -> Store:
    """The fleet `f`: 10 places of `large` for `video`, one more assign of which is refused, and one of `default`."""
    await define(empty_store, "f", small_fleet(policy="jlmu", session_types={"video": ["large"]}))
    for number in range(10):
        await empty_store.sessions.assign("f", f"v{number}", None, session_type="video")
    with pytest.raises(errors.NoCapacityError):
        await empty_store.sessions.assign("f", "v", None, session_type="video")
    await empty_store.sessions.assign("f", "s", None)
    return empty_store


async def test_sessions_and_counters_have_series_by_type(store: Store, metrics: Metrics) -> None:
    await store.pools.set_status("f", "large-1", "draining")
    found = series(await exposition(metrics, store))
    of = {"fleet": "f", "session_type": "video"}
    assert value(found, "typed_sessions", **of, pool_status="active") == 5
    assert value(found, "typed_sessions", **of, pool_status="draining") == 5
    assert value(found, "typed_rejections_total", **of, reason="no_capacity") == 1
    assert value(found, "load_price", fleet="f", session_type="default") > 0
    assert value(found, "load_price", **of) == 0, "no place is left"


async def test_the_bound_is_that_of_the_types(store: Store, metrics: Metrics) -> None:
    """Where all may go: ten sessions of `video` on `large` alone are not the best."""
    found, seen = series(await exposition(metrics, store)), await store.fleets.snapshot("f")
    assert seen.utility < seen.optimum
    assert value(found, "aggregate_utility", fleet="f") == value(found, "aggregate_utility_bound", fleet="f")
    assert value(found, "utility_seconds", fleet="f") <= value(found, "utility_bound_seconds", fleet="f")
    (row,) = [row for row in FLEET_ROWS if row.name == "utility_bound_seconds"]
    specs = (
        small_fleet(policy="jlmu", session_types=types).to_spec()
        for types in ({"video": ["large"]}, {"video": ["small", "large"]})
    )
    (of_types, of_all) = [row.samples(view_of(seen, spec))[0][1] for spec in specs]
    assert of_types < of_all


async def test_a_fleet_without_types_has_no_series_of_them(empty_store: Store, metrics: Metrics) -> None:
    await define(empty_store, "f", small_fleet())
    text = await exposition(metrics, empty_store)
    assert "slta_typed_sessions{" not in text
    assert "slta_compatibility_gap{" not in text
