"""Reports of sessions over HTTP, to a fleet that observes, and to one that places."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from testbed.in_process import TINY, Service, service_in_process
from tests.api.conftest import FLEET, Api


@pytest.fixture
async def observing(api: Api) -> str:
    """The URL of a fleet that observes, with two small and two large pools."""
    assert (await api.put("/v1/fleets/o", json=FLEET | {"policy": "observe"})).status_code == 201
    return "/v1/fleets/o"


async def test_the_mean_difference_stands_in_state_and_averages(api: Api, observing: str) -> None:
    begin = (await api.get(f"{observing}/state")).json()
    assert begin["difference_at_placing"] is None
    told = (await api.put(f"{observing}/sessions/s", json={"pool_id": "small-1"})).json()
    difference = told["jlmu_choice"]["marginal_utility"] - told["marginal_utility"]
    assert (await api.get(f"{observing}/state")).json()["difference_at_placing"] == pytest.approx(difference)
    averages = await api.get(f"{observing}/averages", params={"since": begin["integrals"]})
    assert averages.json()["difference_at_placing"] == pytest.approx(difference)


# A fleet that places


@pytest.fixture
async def placing(server: str) -> AsyncIterator[Service]:
    """All sessions are drawn for the difference at placing."""
    async with service_in_process(server) as service:
        service.draws.waiting = [0.5] * 100
        await service.api.put("/v1/fleets/tiny", json=TINY | {"policy": "jlmu"})
        yield service


async def by_source(service: Service, path: str = "state") -> Any:
    return (await service.api.get(f"/v1/fleets/tiny/{path}")).json()["difference_at_placing_by_source"]


async def test_the_differences_of_both_sources_stand_in_state_and_averages(placing: Service) -> None:
    assert await by_source(placing) is None
    await placing.seconds_pass("tiny", 1)
    await placing.api.post("/v1/fleets/tiny/assign", json={"session_id": "a"})
    for session, pool in (("b", "small-1"), ("c", "large-1")):
        assert (await placing.api.put(f"/v1/fleets/tiny/sessions/{session}", json={"pool_id": pool})).status_code == 201
    await placing.seconds_pass("tiny", 1)
    # Δ = 5, 3, … on large pools, 4, 2, … on small ones: `a` took a 5, `b` a 4 where a 5 was free.
    found = await by_source(placing)
    assert found["placed"] == {"sessions": 1, "mean": 0.0, "standard_error": None}
    assert (found["reported"]["sessions"], found["reported"]["standard_error"] is None) == (2, False)
    assert found["reported"]["mean"] in {0.5, 1.5}, "`c` took the 5 or, where `a` is, a 3"
    assert await by_source(placing, "averages?window=60") == found


async def test_late_reports_are_left_out_of_them(placing: Service) -> None:
    late = {"pool_id": "small-1", "late": True}
    assert (await placing.api.put("/v1/fleets/tiny/sessions/a", json=late)).json()["outcome"] == "new"
    bulk = {"operations": [{"report": {"session_id": "b", **late}}]}
    [told] = (await placing.api.post("/v1/fleets/tiny/operations", json=bulk)).json()["outcomes"]
    assert (told["body"]["outcome"], told["body"]["pool_id"]) == ("new", "small-1")
    assert await by_source(placing) is None
    wrong = {"pool_id": "small-1", "late": "yes"}
    assert (await placing.api.put("/v1/fleets/tiny/sessions/c", json=wrong)).status_code == 422
