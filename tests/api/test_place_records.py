"""Metrics and records of the placement route."""

from __future__ import annotations

import pytest
from redis import Redis

from slta.auth.keys import Access
from slta.metrics import Metrics
from slta.metrics.process_metrics import PLACEMENT_MISTAKES
from slta.models.request_record import PLACE_ROUTE, RequestRecord
from tests.api.placements import KEY, ask, of
from tests.api.raw_requests import last
from tests.api.served import ADMIN_ENTRY, one_way

KEYS = Access({ADMIN_ENTRY.id: ADMIN_ENTRY})


async def test_requests_are_counted_by_code_and_by_a_fleet_that_has_placed_a_session(server: str, redis: Redis) -> None:
    metrics = Metrics()
    async with one_way(server, redis, observe_request=metrics.observe) as here:
        for request in (of("made-up"), of("f", x_session_id=""), of("f"), of("f", "/x?y"), of("f", x_session_id="")):
            await here.say(last(request))
    samples = [sample for family in metrics.registry.collect() for sample in family.samples]
    counted = {
        (sample.labels["fleet"], sample.labels["outcome"]): sample.value
        for sample in samples
        if sample.name == "slta_place_requests_total"
    }
    assert {code for fleet, code in counted if fleet == "none"} == {*PLACEMENT_MISTAKES}, "from 0 on"
    assert {labels: count for labels, count in counted.items() if count} == {
        ("none", "unknown_fleet"): 1,
        ("none", "no_session_id"): 1,
        ("f", "placed"): 2,
        ("f", "no_session_id"): 1,
    }


@pytest.mark.parametrize("fast_path", [True, False], ids=["fast path", "ASGI"])
async def test_a_record_names_the_route_whatever_the_tail(fast_path: bool, server: str, redis: Redis) -> None:
    seen: list[RequestRecord] = []
    async with one_way(server, redis, fast_path=fast_path, access=KEYS, observe_request=seen.append) as here:
        await here.say(of("f").replace(b"GET", b"PUT", 1), last(of("f", "/a", x_session_id="")))
        await here.say(last(ask(authorization=f"{KEY}\r\nauthorization: x")))
    told = [(one.method, one.route, one.status, one.fleet, one.problem) for one in seen[1:]]
    assert told == [
        ("PUT", PLACE_ROUTE, 200, "f", ""),
        ("GET", PLACE_ROUTE, 503, "f", "no_session_id"),
        ("GET", PLACE_ROUTE, 503, "", "repeated_authorization"),
    ]
