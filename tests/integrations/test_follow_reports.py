"""Begin lines: what the proxy placed by itself is reported, and old lines change no mark."""

from __future__ import annotations

from functools import partial

import httpx
import pytest
from redis import Redis

from slta.store.embedded.data_dir import SOCKET_NAME
from tests.awaiting import until
from tests.integrations.conftest import NewFollower
from tests.integrations.following import Fleet, Following
from tests.integrations.logs import Log
from tests.integrations.threaded_relay import ThreadedRelay

OLD_LINES = 300_000


def reported(following: Following, code: str) -> float:
    return following.value("outcomes_total", operation="report", code=code)


def test_a_session_that_slta_did_not_place_is_reported(fleet: Fleet, log: Log, new_follower: NewFollower) -> None:
    following = new_follower(fleet, file=log.path, lease_seconds=30.5)
    log.write("slta1 begin a c-2")
    until(lambda: reported(following, "new") == 1)
    session = fleet.call("GET", "sessions/a")
    assert session["pool_id"] == "c-2"
    assert 0 < session["lease_seconds_left"] <= 31.5
    log.write("slta1 end a c-2 1")
    until(lambda: fleet.sessions == 0)
    assert following.value("unseen_session_seconds_total") == 0


def test_a_session_on_its_pool_stays_and_one_on_another_is_moved_and_counted(
    fleet: Fleet, log: Log, new_follower: NewFollower
) -> None:
    following = new_follower(fleet, file=log.path)
    [kept, left] = fleet.assign("kept", "moved")
    other = "c-1" if left != "c-1" else "c-2"
    log.write(f"slta1 begin kept {kept}", f"slta1 begin moved {other}")
    until(lambda: (reported(following, "same"), reported(following, "moved")) == (1, 1))
    assert (fleet.pool_of("kept"), fleet.pool_of("moved")) == (kept, other)
    log.write(f"slta1 end moved {other} 1")
    until(lambda: fleet.sessions == 1)
    assert following.value("elsewhere_sessions_total") == 1


def test_a_pool_that_slta_does_not_have_is_counted_and_holds_nothing_up(
    fleet: Fleet, log: Log, new_follower: NewFollower
) -> None:
    following = new_follower(fleet, file=log.path)
    log.write("slta1 begin a nowhere", "slta1 begin b c-1")
    until(lambda: (reported(following, "reported_pool_unknown"), reported(following, "new")) == (1, 1))


def test_an_end_without_a_begin_is_not_reported(fleet: Fleet, log: Log, new_follower: NewFollower) -> None:
    following = new_follower(fleet, file=log.path)
    log.write("slta1 end a c-1 2.5")
    until(lambda: following.value("unseen_session_seconds_total") == 2.5)
    assert fleet.sessions == 0


def test_what_began_while_slta_was_away_is_known_when_it_is_back(
    fleet: Fleet, between: ThreadedRelay, log: Log, new_follower: NewFollower
) -> None:
    following = new_follower(fleet, between.url, file=log.path)
    fleet.assign("before")
    between.go_away()
    lines = [f"slta1 begin s-{number} c-{1 + number % 3}" for number in range(1500)]
    ends = [f"slta1 end s-{number} c-{1 + number % 3} 1" for number in range(0, 1500, 2)]
    log.write(*lines, *ends)
    until(lambda: following.value("calls_total", status="connection_failed") >= 2)
    between.come_back()
    until(lambda: following.value("backlog_bytes") == 0)
    until(lambda: fleet.sessions == 751)
    assert following.value("outcomes_total", operation="complete", code="completed") == 750


def test_a_full_call_of_reports_with_leases_is_within_the_limits(
    fleet: Fleet, log: Log, new_follower: NewFollower
) -> None:
    following = new_follower(fleet, file=log.path, lease_seconds=86_400.5)
    log.write(*(f"slta1 begin {number:0128} c-{1 + number % 3}" for number in range(1000)))
    until(lambda: fleet.sessions == 1000)
    assert following.value("calls_total", status="422") == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_three_hundred_thousand_old_lines_change_no_mark(
    own_fleet: Fleet, log: Log, new_follower: NewFollower, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = new_follower(own_fleet, file=log.path)
    log.write("slta1 end ended-early c-1 1")
    until(lambda: first.value("unseen_session_seconds_total") == 1)
    first.stop()
    marks = marks_of(own_fleet)
    assert len(marks) == 1
    position = log.path.parent / "state/position.json"
    text = position.read_text()
    seen_at = text[text.index('"seen_at"') :]
    position.write_text(text.replace(seen_at, '"seen_at": 1000.0}'))
    with log.path.open("a") as stream:
        stream.writelines(f"slta1 end old-{number} c-1 1\n" for number in range(OLD_LINES))
    second = new_follower(own_fleet, file=log.path)
    for part in range(1, 11):
        until(partial(has_answered, second, part * OLD_LINES // 10))
    assert marks_of(own_fleet) == marks
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        own_fleet.assign("ended-early")


def has_answered(following: Following, ends: int) -> bool:
    return following.value("outcomes_total", operation="complete", code="unknown_session") >= ends


def marks_of(fleet: Fleet) -> list[str]:
    """The ids that were completed before their assign."""
    socket = fleet.service.log.parent / "data" / SOCKET_NAME
    with Redis(unix_socket_path=str(socket), decode_responses=True) as store:
        return list(store.zrange(f"{{{fleet.name}}}:early", 0, -1))
