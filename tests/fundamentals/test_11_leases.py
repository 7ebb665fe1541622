"""Chapter 11. Leases.

A client may vanish without a word. So a session lives on a lease: if nobody renews it, it ends by itself. Leases run on
fleet time, which goes on only while the fleet is looked after: an outage of the store, or a clock that jumps, ends no
lease. `leases:<second>` is the set of sessions whose lease is over in that second.
"""

from tests.fundamentals.conftest import Tiny


async def test_a_session_that_nobody_renews_ends_and_its_place_is_free_again(tiny: Tiny) -> None:
    await tiny.assign("s-1", lease_seconds=10)
    assert tiny.members("leases:11") == {"s-1"}  # the first whole second after 10 s

    await tiny.seconds_pass(10)
    assert (tiny.held(1), tiny.field("ended:0", "s-1")) == ("10", None)

    await tiny.seconds_pass(1)
    assert (tiny.held(1), tiny.field("ended:0", "s-1")) == ("00", "expired large-1")
    assert (tiny.field("sessions", "s-1"), tiny.members("leases:11")) == (None, set())


async def test_a_renewal_begins_the_lease_anew(tiny: Tiny) -> None:
    await tiny.assign("s-1", lease_seconds=10)
    await tiny.seconds_pass(9)

    answer = await tiny.post("renew", session_ids=["s-1", "never-seen"])

    assert answer.json() == {"renewed": ["s-1"], "expired": [], "unknown": ["never-seen"]}
    assert (tiny.members("leases:11"), tiny.members("leases:20")) == (set(), {"s-1"})


async def test_an_outage_ends_no_lease_and_leaves_a_minute_to_renew(tiny: Tiny) -> None:
    await tiny.assign("s-1", lease_seconds=10)
    tiny.service.clock.now += 3_600_000_000  # an hour in which nobody could reach the store

    await tiny.seconds_pass(1)
    # Fleet time went on by 5 s, the longest step it takes, and no lease ends for 60 s.
    assert tiny.number("time") == "5000000"
    await tiny.seconds_pass(59)
    assert tiny.field("sessions", "s-1") is not None
    answer = await tiny.post("renew", session_ids=["s-1"])
    assert answer.json()["renewed"] == ["s-1"]


async def test_a_lease_of_zero_is_none(tiny: Tiny) -> None:
    answer = await tiny.assign("s-1", lease_seconds=0)
    assert answer.json()["lease_seconds"] == 0
    assert tiny.service.redis.keys("{tiny}:leases:*") == []
