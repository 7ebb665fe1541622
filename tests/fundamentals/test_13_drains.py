"""Chapter 13. Drains.

A pool that is to be repaired is drained: it keeps its sessions and gets no more. It leaves the sorted set `pools` for
`leaving`, and its token bits go, so utility, optimum, tokens and r speak of active pools only.
"""

from tests.fundamentals.conftest import Tiny


async def test_a_drained_pool_leaves_the_pools_in_service_and_keeps_its_sessions(tiny: Tiny) -> None:
    for k in range(1, 7):
        await tiny.assign(f"s-{k}")
    assert tiny.held(1) == "22"
    before = await tiny.state()

    answer = await tiny.post("pools/large-2/drain")

    assert answer.json() == {
        "pool_id": "large-2",
        "pool_class": "large",
        "status": "draining",
        "liveness": "alive",
        "occupancy": 2,
        "address": None,
        "labels": {},
        "drain": None,
    }
    assert tiny.held(1) == "2-"
    assert len(tiny.members("ids:1114113")) == 2
    after = await tiny.state()
    assert after["sessions"] == {"active": 4, "draining": 2}
    assert before["utility"] - after["utility"] == 5 + 3


async def test_new_sessions_go_elsewhere_however_good_the_place_was(tiny: Tiny) -> None:
    await tiny.post("pools/large-2/drain")
    await tiny.post("pools/large-1/drain")
    answer = await tiny.assign("s-1", draw=0.75)
    assert answer.json()["pool_id"] == "small-2"


async def test_its_sessions_end_as_any_others_and_then_it_can_be_removed(tiny: Tiny) -> None:
    await tiny.assign("s-1")
    await tiny.post("pools/large-1/drain")
    refused = await tiny.service.api.delete("/v1/fleets/tiny/pools/large-1")
    assert (refused.status_code, refused.json()["code"]) == (409, "pool_not_empty")

    await tiny.post("complete", session_id="s-1")
    assert (await tiny.service.api.delete("/v1/fleets/tiny/pools/large-1")).status_code == 204
    assert tiny.bits("used:1") == "01"


async def test_a_pool_that_returns_brings_its_sessions_back(tiny: Tiny) -> None:
    await tiny.assign("s-1", draw=0.75)
    before = tiny.held(1)
    await tiny.post("pools/large-2/drain")
    assert (before, tiny.held(1)) == ("01", "0-")

    answer = await tiny.post("pools/large-2/undrain")

    assert answer.json()["status"] == "active"
    assert tiny.held(1) == "01"


async def test_a_failed_pool_loses_its_sessions_too(tiny: Tiny) -> None:
    await tiny.assign("s-1", draw=0.75)
    answer = await tiny.post("pools/large-2/fail")
    assert (answer.json()["status"], answer.json()["ended_session_ids"]) == ("failed", ["s-1"])
    assert (tiny.field("ended:0", "s-1"), tiny.held(1)) == ("failed large-2", "0-")
