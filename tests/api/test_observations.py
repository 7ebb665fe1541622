"""State and averages agree with the definitions."""

from __future__ import annotations

import pytest
from redis import Redis

from slta.core.policies import PLACING
from slta.models import WINDOWS
from slta.store import Store
from testbed.in_process import tick
from tests.api.conftest import FLEET, Api, assign, fill, refusal


async def test_the_quality_of_a_fleet_is_that_of_its_heartbeats(api: Api, fleet: str, store: Store) -> None:
    nothing = (await api.get(f"{fleet}/quality")).json()
    assert (nothing["per"], nothing["unit"], [c["levels"] for c in nothing["classes"]]) == (None, None, [[], []])
    classes = [FLEET["classes"][0], FLEET["classes"][1] | {"curve": "learned"}]
    await api.put(fleet, json=FLEET | {"classes": classes, "quality": {"per": "session", "unit": "frames/s"}})
    for pool in ("large-1", "large-2"):
        for n in range(2):
            await api.put(f"{fleet}/sessions/{pool}-{n}", json={"pool_id": pool})
    beats = [{"pool_id": f"large-{k}", "ttl_seconds": 60, "count": 2, "quality": 24.5 + k} for k in (1, 2)]
    await api.post(f"{fleet}/pools/heartbeats", json={"heartbeats": beats})
    await tick(store, fleet.rpartition("/")[2])
    found = (await api.get(f"{fleet}/quality")).json()
    assert (found["per"], found["unit"]) == ("session", "frames/s")
    level = {"level": 2, "samples": 2, "pools": 2, "sum": 104.0, "sum_squares": 5410.0}
    assert [(c["curve"], c["levels"]) for c in found["classes"]] == [(None, []), ("learned", [level])]
    state = (await api.get(f"{fleet}/state")).json()
    assert [c["measured_level"] for c in state["classes"]] == [None, 2]


async def test_a_full_class_has_no_marginal_utility(api: Api, fleet: str) -> None:
    await fill(api, fleet)
    state = (await api.get(f"{fleet}/state")).json()
    assert [c["marginal_utility"] for c in state["classes"]] == [None, None]
    assert [len(c["marginal_utilities"]) for c in state["classes"]] == [3, 4]


async def test_without_active_pools_what_does_not_exist_is_null(api: Api, fleet: str) -> None:
    for pool_id in ("small-1", "small-2", "large-1", "large-2"):
        await api.post(f"{fleet}/pools/{pool_id}/drain")
    state = (await api.get(f"{fleet}/state")).json()
    assert state["pools"] == {"active": 0, "draining": 4, "failed": 0, "unconfirmed": 0, "lost": 0, "gone": 0}
    nulls = (
        "estimate_rank", "optimal_rank", "offered_load_estimate", "utility_per_pool", "utility_bound_per_pool",
        "relative_gap", "load_price", "min_green_to_decrement",
    )  # fmt: skip
    assert {name: state[name] for name in nulls} == dict.fromkeys(nulls)
    averages = (await api.get(f"{fleet}/averages", params={"since": state["integrals"]})).json()
    assert averages["utility_mean"] is None


async def test_averages_are_chained_by_the_integrals_they_return(api: Api, fleet: str) -> None:
    start = (await api.get(f"{fleet}/state")).json()["integrals"]
    first = (await api.get(f"{fleet}/averages", params={"since": start})).json()
    await assign(api, fleet, "a")
    second = (await api.get(f"{fleet}/averages", params={"since": first["integrals"]})).json()
    whole = (await api.get(f"{fleet}/averages", params={"since": start})).json()
    assert first["window_seconds"] + second["window_seconds"] <= whole["window_seconds"]
    assert (first["mean_sessions_per_pool"], second["mean_sessions_per_pool"] > 0) == (0, True)


@pytest.mark.parametrize("window", WINDOWS)
async def test_a_window_covers_what_there_is(api: Api, store: Store, fleet: str, window: int) -> None:
    nothing = (await api.get(f"{fleet}/averages?window={window}")).json()
    assert (nothing["window_seconds"], nothing["utility_mean"]) == (0, None)
    await tick(store, "f")
    await assign(api, fleet, "a")
    averages = (await api.get(f"{fleet}/averages?window={window}")).json()
    assert 0 < averages["window_seconds"] < 60
    assert averages["mean_sessions_per_pool"] > 0


async def test_averages_across_a_change_of_curves_are_refused(api: Api, store: Store, fleet: str) -> None:
    start = (await api.get(f"{fleet}/state")).json()["integrals"]
    await tick(store, "f")
    await api.put(fleet, json=FLEET | {"policy": "jlmu"})
    assert (await api.get(f"{fleet}/averages", params={"since": start})).status_code == 200
    small, large = FLEET["classes"]
    await api.put(fleet, json={"classes": [small | {"capacity": 9}, large]})
    for query in ({"since": start}, {"window": 60}):
        assert refusal(await api.get(f"{fleet}/averages", params=query)) == (409, "utilities_changed")


async def test_averages_across_a_repair_that_loses_them_are_refused(
    api: Api, store: Store, fleet: str, redis: Redis
) -> None:
    await tick(store, "f")
    redis.delete("{f}:pools:0")
    await api.post(f"{fleet}/repair")
    answer = await api.get(f"{fleet}/averages", params={"window": 60})
    assert refusal(answer) == (409, "utilities_changed")
    assert "the fleet was repaired" in answer.json()["detail"]


async def test_integrals_are_taken_back_from_the_same_fleet_only(api: Api, fleet: str) -> None:
    token = (await api.get(f"{fleet}/state")).json()["integrals"]
    await api.put("/v1/fleets/other", json=FLEET)
    others = [(fleet, since) for since in (token[:-1], token + "A", token.swapcase(), "", "Ω", "*")]
    for url, since in (("/v1/fleets/other", token), *others):
        assert refusal(await api.get(f"{url}/averages", params={"since": since})) == (422, "invalid_integrals")


# The next placement


@pytest.mark.parametrize("policy", sorted(PLACING))
async def test_the_next_session_takes_the_token_and_a_place_foretold(api: Api, fleet: str, policy: str) -> None:
    await api.put(fleet, json=FLEET | {"policy": policy})
    held: dict[str, int] = {}
    for k in range(14):
        following = (await api.get(f"{fleet}/next")).json()
        placed = (await api.post(f"{fleet}/assign", json={"session_id": f"s-{k}"})).json()
        held[placed["pool_id"]] = held.get(placed["pool_id"], 0) + 1
        assert placed["token"] == following["token"]
        said = {(place["pool_class"], place["level"]) for place in following["places"]}
        assert (placed["pool_class"], held[placed["pool_id"]]) in said
    assert (await api.get(f"{fleet}/next")).json()["refused"] == "no_capacity"


async def test_asking_for_the_next_placement_is_one_call_of_the_store(api: Api, fleet: str, redis: Redis) -> None:
    def calls() -> int:
        stats = redis.info("commandstats")
        return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("fcall", "fcall_ro"))

    await api.get(f"{fleet}/next")
    before = calls()
    await api.get(f"{fleet}/next")
    assert calls() == before + 1


# Session types


async def typed_fleet(api: Api) -> str:
    """Sessions of `video` on `large` only."""
    file = FLEET | {"policy": "jlmu", "session_types": {"video": ["large"]}}
    assert (await api.put("/v1/fleets/typed", json=file)).status_code == 201
    return "/v1/fleets/typed"


async def test_next_is_asked_about_a_type(api: Api) -> None:
    fleet = await typed_fleet(api)
    seen = (await api.get(f"{fleet}/next?session_type=video")).json()
    assert (seen["session_type"], [offer["pool_class"] for offer in seen["offers"]]) == ("video", ["large"])
    unknown = await api.get(f"{fleet}/next?session_type=audio")
    assert refusal(unknown) == (422, "unknown_session_type")
    assert unknown.json()["session_types"]
