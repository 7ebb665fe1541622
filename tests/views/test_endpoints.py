"""Endpoints as columns, from pools that are written down."""

from __future__ import annotations

from slta.models import Pool, Status
from slta.views.endpoints import ClassEndpoints, Endpoint, Endpoints, active_endpoints, endpoints_by_class
from tests.views.test_views import SPEC


def pool(pool_id: str, status: Status) -> Pool:
    return Pool(pool_id=pool_id, pool_class="a", status=status, liveness="alive", occupancy=2, address="x:1", labels={})


def test_only_active_pools_are_endpoints() -> None:
    pools = [pool("a-1", "active"), pool("a-2", "draining"), pool("a-3", "failed")]
    assert active_endpoints(pools) == {"a-1": Endpoint("a", "x:1", 2)}


def test_a_class_without_active_pools_has_empty_columns_and_an_unknown_class_none() -> None:
    found = {"a-2": Endpoint("a", None, 1), "gone-1": Endpoint("gone", "x:2", 0), "a-1": Endpoint("a", "x:1", 0)}
    columns = ClassEndpoints(
        name="a",
        capacity=SPEC.classes[0].capacity,
        pool_ids=["a-2", "a-1"],
        addresses=[None, "x:1"],
        occupancies=[1, 0],
    )
    empty = ClassEndpoints(name="b", capacity=SPEC.classes[1].capacity, pool_ids=[], addresses=[], occupancies=[])
    assert endpoints_by_class("f", SPEC, found) == Endpoints(
        fleet="f", classes=[columns, empty], session_types={"default": ["a", "b"]}
    )
