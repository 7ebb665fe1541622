"""Chapter 12. Replays.

An answer can be lost on its way. Then the client does not know whether its call was done, and asks again. The session's
id, which the client has chosen, makes that safe: a call that was done already changes nothing, and says what it did.
"""

from tests.fundamentals.conftest import Tiny


async def test_an_assign_that_is_asked_again_names_the_same_pool_and_changes_nothing(tiny: Tiny) -> None:
    first = await tiny.assign("s-1", draw=0.75)
    before = tiny.everything()

    again = await tiny.assign("s-1", draw=0.0)  # the draw would choose large-1

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() | {"replayed": True, "token": None}
    assert tiny.everything() == before


async def test_a_complete_that_is_asked_again_changes_nothing_and_says_so(tiny: Tiny) -> None:
    await tiny.assign("s-1")
    first = await tiny.post("complete", session_id="s-1")
    before = tiny.everything()

    again = await tiny.post("complete", session_id="s-1")

    assert first.json() == {"session_id": "s-1", "pool_id": "large-1", "address": None, "outcome": "completed"}
    assert again.json() == first.json() | {"outcome": "already_ended", "reason": "completed"}
    assert (first.status_code, again.status_code) == (200, 200)
    assert tiny.everything() == before


async def test_the_id_of_a_session_that_has_ended_is_used_up(tiny: Tiny) -> None:
    await tiny.assign("s-1")
    await tiny.post("complete", session_id="s-1")
    assert tiny.field("ended:0", "s-1") == "completed large-1"

    late = await tiny.assign("s-1")

    assert (late.status_code, late.json()["code"], late.json()["reason"]) == (409, "session_ended", "completed")
    assert tiny.held(1) == "00"


async def test_a_complete_that_overtakes_its_assign_keeps_the_session_from_being_placed(tiny: Tiny) -> None:
    # Two calls on two connections may change places. Were the complete forgotten, the session would stay for ever. It
    # is kept apart from sessions that have ended, for 120 s of fleet time.
    early = await tiny.post("complete", session_id="s-1")
    assert (early.status_code, early.json()["code"]) == (404, "unknown_session")
    assert tiny.service.redis.zscore("{tiny}:early", "s-1") == 120_000_000

    late = await tiny.assign("s-1")
    assert (late.status_code, late.json()["reason"]) == (409, "completed_before_assign")

    await tiny.seconds_pass(120)
    assert (await tiny.assign("s-1")).status_code == 201


async def test_an_ended_id_is_forgotten_after_one_to_two_retention_times(tiny: Tiny) -> None:
    # Ended ids are kept in two generations of `retention_seconds`, 600 here; the older one is dropped whole.
    await tiny.assign("s-1")
    await tiny.post("complete", session_id="s-1")
    await tiny.seconds_pass(600)
    assert (await tiny.assign("s-1")).status_code == 409
    await tiny.seconds_pass(600)
    assert (await tiny.assign("s-1")).status_code == 201
