"""Begin lines: what the proxy placed by itself is reported, and old lines change no mark."""

from __future__ import annotations

from testbed.awaiting import until
from testbed.live_fleet import Fleet
from testbed.threaded_relay import ThreadedRelay
from tests.integrations.conftest import NewFollower
from tests.integrations.following import Following
from tests.integrations.logs import Log


def reported(following: Following, code: str) -> float:
    return following.value("answers_total", operation="report", outcome=code)


def test_a_session_that_slta_did_not_place_is_reported(fleet: Fleet, log: Log, new_follower: NewFollower) -> None:
    following = new_follower(fleet, file=log.path, lease_seconds=30.5)
    log.write("slta1 begin a c-2")
    until(lambda: reported(following, "new") == 1)
    session = fleet.call("GET", "sessions/a")
    assert session["pool_id"] == "c-2"
    assert 0 < session["lease_seconds_left"] <= 31.5
    log.write("slta1 end a c-2 1")
    until(lambda: fleet.live == 0)
    assert following.value("unseen_session_seconds_total") == 0


def test_a_moved_session_is_counted_and_one_in_place_stays(fleet: Fleet, log: Log, new_follower: NewFollower) -> None:
    following = new_follower(fleet, file=log.path)
    [kept, left] = fleet.assign("kept", "moved")
    other = "c-1" if left != "c-1" else "c-2"
    log.write(f"slta1 begin kept {kept}", f"slta1 begin moved {other}")
    until(lambda: (reported(following, "same"), reported(following, "moved")) == (1, 1))
    assert (fleet.pool_of("kept"), fleet.pool_of("moved")) == (kept, other)
    log.write(f"slta1 end moved {other} 1")
    until(lambda: fleet.live == 1)
    assert following.value("elsewhere_sessions_total") == 1


def test_a_pool_that_slta_lacks_is_counted_and_passed(fleet: Fleet, log: Log, new_follower: NewFollower) -> None:
    following = new_follower(fleet, file=log.path)
    log.write("slta1 begin a nowhere", "slta1 begin b c-1")
    until(lambda: (reported(following, "reported_pool_unknown"), reported(following, "new")) == (1, 1))


def test_an_end_without_a_begin_is_not_reported(fleet: Fleet, log: Log, new_follower: NewFollower) -> None:
    following = new_follower(fleet, file=log.path)
    log.write("slta1 end a c-1 2.5")
    until(lambda: following.value("unseen_session_seconds_total") == 2.5)
    assert fleet.live == 0


def test_what_began_while_slta_was_away_is_known_when_it_is_back(
    fleet: Fleet, between: ThreadedRelay, log: Log, new_follower: NewFollower
) -> None:
    following = new_follower(fleet, between.url, file=log.path)
    fleet.assign("before")
    between.go_away()
    lines = [f"slta1 begin s-{number} c-{1 + number % 3}" for number in range(1500)]
    ends = [f"slta1 end s-{number} c-{1 + number % 3} 1" for number in range(0, 1500, 2)]
    log.write(*lines, *ends)
    until(lambda: following.value("calls_total", outcome="unreachable") >= 2)
    between.come_back()
    until(lambda: following.value("backlog_bytes") == 0)
    until(lambda: fleet.live == 751)
    assert following.value("answers_total", operation="complete", outcome="completed") == 750


def test_a_full_call_of_leased_reports_is_within_limits(fleet: Fleet, log: Log, new_follower: NewFollower) -> None:
    following = new_follower(fleet, file=log.path, lease_seconds=86_400.5)
    log.write(*(f"slta1 begin {number:0128} c-{1 + number % 3}" for number in range(1000)))
    until(lambda: fleet.live == 1000)
    assert following.value("calls_total", outcome="invalid_request") == 0
