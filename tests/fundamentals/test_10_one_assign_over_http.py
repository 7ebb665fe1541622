"""Chapter 10. One assign over HTTP.

From here on the fleet is a running service, and its state is a handful of keys in Redis. `pools:1` is a sorted set of
the large pools (class number 1) by their sessions; a row has one bit for each pool of a class: `green:1` for those with
a green token. There is only one row `yellow`, for yellow tokens are of one class: the one at rank r. A test reads both
from the left: "01" is the second pool alone.
"""

from tests.fundamentals.conftest import Tiny


async def test_in_an_empty_fleet_the_pools_of_the_best_class_are_yellow(tiny: Tiny) -> None:
    # r = 1 is (large, 1): both large pools hold fewer than 1. No level ranks better, so nothing is green.
    assert tiny.number("rank") == "1"
    assert (tiny.bits("green:0"), tiny.bits("green:1"), tiny.bits("yellow")) == ("00", "00", "11")


async def test_an_assign_counts_the_session_and_takes_the_token(tiny: Tiny) -> None:
    assert (tiny.held(1), tiny.bits("yellow")) == ("00", "11")

    answer = await tiny.assign("s-1", draw=0.75)  # of two yellow pools number ⌊0.75 · 2⌋ = 1, counted from 0

    assert answer.status_code == 201
    assert answer.json() == {
        "session_id": "s-1",
        "session_type": "default",
        "pool_id": "large-2",
        "pool_class": "large",
        "address": None,
        "token": "yellow",
        "lease_seconds": 21_600,
        "replayed": False,
    }
    assert (tiny.held(1), tiny.bits("yellow")) == ("01", "10")


async def test_the_session_is_written_down_in_three_places(tiny: Tiny) -> None:
    await tiny.assign("s-1", draw=0.75)
    # The pool; the number of its type; start and length of the lease in µs; the second in which it is over; and how it
    # came there: to level 1, by a yellow token. A pool's number is 65,536 · (16 + class) + place.
    assert tiny.field("sessions", "s-1") == "large-2 0 0 21600000000 21601 1 y"
    assert tiny.members("ids:1114113") == {"s-1"}
    assert tiny.members("leases:21601") == {"s-1"}


async def test_the_session_that_finds_one_yellow_token_and_no_green_one_raises_r(tiny: Tiny) -> None:
    await tiny.assign("s-1", draw=0.75)
    assert (tiny.number("rank"), tiny.bits("yellow")) == ("1", "10")

    await tiny.assign("s-2")  # it takes large-1, the last yellow pool

    # r = 2 is (small, 1): the empty small pools are yellow now. The large pools are at their threshold, 1.
    assert (tiny.number("rank"), tiny.bits("yellow"), tiny.bits("green:1")) == ("2", "11", "00")


async def test_a_pool_that_lost_a_session_is_green_and_comes_first(tiny: Tiny) -> None:
    for k in range(1, 7):
        await tiny.assign(f"s-{k}")
    # Each small pool has one session, each large pool two, and r = 4 is (small, 2): the small pools are yellow.
    assert (tiny.held(0), tiny.held(1), tiny.bits("yellow")) == ("11", "22", "11")

    await tiny.post("complete", session_id="s-5")  # s-5 was the second session on large-1
    assert (tiny.held(1), tiny.bits("green:1")) == ("12", "10")

    answer = await tiny.assign("s-7", draw=0.9)
    assert (answer.json()["pool_id"], answer.json()["token"]) == ("large-1", "green")
    assert (tiny.held(1), tiny.bits("green:1")) == ("22", "00")


async def test_the_state_says_the_same_in_the_paper_s_terms(tiny: Tiny) -> None:
    for k in range(1, 7):
        await tiny.assign(f"s-{k}")
    state = await tiny.state()
    small, large = state["classes"]
    assert (state["estimate_rank"], small["threshold"], large["threshold"]) == (4, 1, 2)
    assert (small["tokens"], large["tokens"]) == ({"green": 0, "yellow": 2}, {"green": 0, "yellow": 0})
    assert (small["occupancy"], large["occupancy"]) == ([2, 2], [2, 2, 2])  # with at least 0, 1, 2 sessions
    assert state["utility"] == state["utility_bound"] == 2 * 4 + 2 * (5 + 3)
