"""Sessions over HTTP, from assign to complete."""

from __future__ import annotations

from tests.api.conftest import FLEET, Api, assign, fill, refusal


async def test_the_first_session_goes_where_it_is_worth_most(api: Api, fleet: str) -> None:
    # log(30) > log(20): the first session of a large pool is worth more than that of a small one.
    answer = await api.post(f"{fleet}/assign", json={"session_id": "s-1"})
    assert answer.status_code == 201
    pool_id = answer.json().pop("pool_id")
    assert pool_id in ("large-1", "large-2")
    facts = {"pool_class": "large", "address": None, "token": "yellow", "lease_seconds": 21600, "replayed": False}
    assert answer.json() == {"session_id": "s-1", "session_type": "default", "pool_id": pool_id} | facts


async def test_the_same_id_again_gets_the_same_pool_and_places_nothing(api: Api, fleet: str) -> None:
    first = await api.post(f"{fleet}/assign", json={"session_id": "s-1"})
    again = await api.post(f"{fleet}/assign", json={"session_id": "s-1"})
    assert again.status_code == 200
    assert again.json() == first.json() | {"token": None, "replayed": True}
    assert (await api.get(f"{fleet}/state")).json()["sessions"]["active"] == 1


async def test_without_an_id_or_a_body_the_service_makes_an_id(api: Api, fleet: str) -> None:
    ids = {
        (await api.post(f"{fleet}/assign", content=content, headers=headers)).json()["session_id"]
        for content, headers in ((b"", {}), (b"{}", {"Content-Type": "application/json"}))
    }
    assert len(ids) == 2
    for session_id in ids:
        assert (await api.get(f"{fleet}/sessions/{session_id}")).status_code == 200


async def test_a_lease_can_be_chosen_and_zero_means_none(api: Api, fleet: str) -> None:
    short = await api.post(f"{fleet}/assign", json={"session_id": "short", "lease_seconds": 12.5})
    none = await api.post(f"{fleet}/assign", json={"session_id": "none", "lease_seconds": 0})
    assert (short.json()["lease_seconds"], none.json()["lease_seconds"]) == (12.5, 0)
    left = (await api.get(f"{fleet}/sessions/short")).json()["lease_seconds_left"]
    assert 12 < left <= 13.5  # leases end with a whole second, never early
    assert (await api.get(f"{fleet}/sessions/none")).json()["lease_seconds_left"] is None


async def test_a_session_is_completed_once_and_completing_it_again_says_so(api: Api, fleet: str) -> None:
    (pool_id,) = await assign(api, fleet, "s-1")
    first = await api.post(f"{fleet}/complete", json={"session_id": "s-1"})
    again = await api.post(f"{fleet}/complete", json={"session_id": "s-1"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == {"session_id": "s-1", "pool_id": pool_id, "address": None, "outcome": "completed"}
    assert again.json() == first.json() | {"outcome": "already_ended", "reason": "completed"}


async def test_an_ended_session_is_neither_placed_again_nor_found(api: Api, fleet: str) -> None:
    (pool_id,) = await assign(api, fleet, "s-1")
    await api.post(f"{fleet}/complete", json={"session_id": "s-1"})
    for answer in (
        await api.post(f"{fleet}/assign", json={"session_id": "s-1"}),
        await api.get(f"{fleet}/sessions/s-1"),
    ):
        assert answer.status_code == 409
        assert answer.json()["code"] == "session_ended"
        assert (answer.json()["pool_id"], answer.json()["reason"]) == (pool_id, "completed")


async def test_completing_what_was_never_seen_is_404_and_a_late_assign_of_it_409(api: Api, fleet: str) -> None:
    assert refusal(await api.post(f"{fleet}/complete", json={"session_id": "early"})) == (404, "unknown_session")
    assigned = await api.post(f"{fleet}/assign", json={"session_id": "early"})
    assert (assigned.status_code, assigned.json()["reason"]) == (409, "completed_before_assign")
    assert (await api.get(f"{fleet}/state")).json()["sessions"]["active"] == 0


async def test_renew_tells_live_ended_and_unknown_sessions_apart(api: Api, fleet: str) -> None:
    await assign(api, fleet, "live", "over")
    await api.post(f"{fleet}/complete", json={"session_id": "over"})
    renewed = await api.post(f"{fleet}/renew", json={"session_ids": ["live", "over", "never"], "lease_seconds": 99})
    assert renewed.json() == {"renewed": ["live"], "expired": ["over"], "unknown": ["never"]}
    assert 98 < (await api.get(f"{fleet}/sessions/live")).json()["lease_seconds_left"] <= 100


async def test_a_full_fleet_answers_503_and_how_long_to_wait(api: Api, fleet: str) -> None:
    await fill(api, fleet)
    answer = await api.post(f"{fleet}/assign", json={"session_id": "one-too-many"})
    assert refusal(answer) == (503, "no_capacity")
    assert int(answer.headers["Retry-After"]) >= 1
    assert (await api.get(f"{fleet}/sessions/one-too-many")).json()["code"] == "unknown_session"


async def test_a_fleet_without_active_pools_says_so(api: Api) -> None:
    await api.put("/v1/fleets/empty", json={"classes": [FLEET["classes"][0] | {"pools": 0}]})
    answer = await api.post("/v1/fleets/empty/assign", json={"session_id": "s-1"})
    assert refusal(answer) == (503, "no_active_pool")
    assert int(answer.headers["Retry-After"]) >= 1
