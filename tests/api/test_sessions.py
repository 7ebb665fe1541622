"""Sessions over HTTP, from assign to complete."""

from __future__ import annotations

from tests.api.conftest import Api, assign


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
