"""Metrics of fleets whose pools report quality."""

from __future__ import annotations

from redis import Redis

from slta.metrics import Metrics
from slta.store import Store
from tests.metrics.conftest import define
from tests.metrics.test_metrics import empty_store, exposition, measured, series, server, small_fleet, value

__all__ = ["empty_store", "server"]


async def test_curves_measured_values_and_drift_have_series(empty_store: Store, metrics: Metrics, server: str) -> None:
    await define(empty_store, "f", small_fleet(quality={"per": "pool", "unit": "frames/s"}))
    utilities = await measured(empty_store, server)
    with Redis.from_url(server) as redis:
        redis.hset("{q}:quality", mapping=dict.fromkeys(["1:99", "9:1", "0:1", "a level"], "30 3 30 30"))
        redis.hset("{q}:quality", "1:4", "30 0 30 1e300")
    found = series(await exposition(metrics, empty_store))
    small = {"fleet": "q", "pool_class": "small"}
    assert value(found, "measured_utility", **small, level="2") == 50 * utilities["small"][2]
    stated = [value(found, "curve_utility", **small, level=level) for level in "15"]
    assert stated[1] / stated[0] == utilities["small"][5] / utilities["small"][1]
    assert value(found, "curve_drift_ratio", **small) > 0.01
    assert value(found, "curve_drift_error_ratio", **small) < 1e-6
    assert ("slta_measured_utility", frozenset({**small, "level": "4"}.items())) not in found
    of_curves = {dict(labels)["fleet"] for name, labels in found if "curve" in name or "measured" in name}
    assert of_curves == {"q"}, "the other has no samples"
