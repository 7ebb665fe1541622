"""The follower against a real dispatcher: lines become calls, and the position follows the answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from slta_integrations.follow import follower
from testbed.awaiting import until
from testbed.live_fleet import Fleet
from testbed.service_process import ServiceProcess
from tests.integrations.conftest import NewFollower
from tests.integrations.following import ids
from tests.integrations.logs import Log


def test_the_line_of_an_end_completes_the_session(fleet: Fleet, log: Log, new_follower: NewFollower) -> None:
    following = new_follower(fleet, file=log.path)
    log.write(*fleet.begin_and_end("a"))
    until(lambda: fleet.counter("completed") == 1)
    assert fleet.live == 0
    until(lambda: following.value("answers_total", operation="complete", outcome="completed") == 1)


def test_the_position_follows_answers(fleet: Fleet, log: Log, new_follower: NewFollower, tmp_path: Path) -> None:
    new_follower(fleet, file=log.path)
    log.write(*fleet.begin_and_end("a"))
    position = tmp_path / "state/position.json"
    until(lambda: json.loads(position.read_text())["offset"] == log.path.stat().st_size)
    assert fleet.counter("completed") == 1


def test_lines_are_counted_by_kind(fleet: Fleet, log: Log, new_follower: NewFollower) -> None:
    following = new_follower(fleet, file=log.path)
    log.write("GET /", "slta1 stop a", "slta1 begin a -", "x" * 70_000, "slta1 end a c-1 1")
    until(lambda: following.value("lines_total", event="end") == 1)
    log.write("slta1 end cut", end="")
    log.rename()
    log.write("slta1 end b c-1 1")
    until(lambda: following.value("lines_total", event="end") == 2)
    kinds = {kind: following.value("lines_total", event=kind) for kind in ("unknown", "damaged", "no_pool", "too_long")}
    assert kinds == {"unknown": 1, "damaged": 2, "no_pool": 1, "too_long": 1}


def test_half_a_line_does_not_swallow_the_next(fleet: Fleet, log: Log, new_follower: NewFollower) -> None:
    following = new_follower(fleet, file=log.path)
    [line] = fleet.begin_and_end("a")
    log.write("<134>x: slta1 end 0a1b", end="")
    until(lambda: following.value("backlog_bytes"))
    log.write(f"<134>x: {line}")
    until(lambda: fleet.counter("completed") == 1)
    assert following.value("lines_total", event="damaged") == 1


def test_many_lines_go_in_calls_of_a_thousand(fleet: Fleet, log: Log, new_follower: NewFollower) -> None:
    following = new_follower(fleet, file=log.path)
    with log.path.open("a") as stream:
        stream.write("".join(f"slta1 end unknown-{number} c-1 0.5\n" for number in range(2500)))
    until(lambda: following.value("answers_total", operation="complete", outcome="unknown_session") == 2500)
    assert 3 <= following.value("calls_total", outcome="ok") <= 4
    assert following.value("unseen_session_seconds_total") == 1250


def test_a_follower_that_starts_again_goes_on_where_it_was(fleet: Fleet, log: Log, new_follower: NewFollower) -> None:
    new_follower(fleet, file=log.path).stop()
    log.write(*fleet.begin_and_end("a"))
    second = new_follower(fleet, file=log.path)
    until(lambda: second.value("lines_total", event="end") == 1 and fleet.counter("completed") == 1)
    second.stop()
    log.write(*fleet.begin_and_end("b"))
    third = new_follower(fleet, file=log.path)
    until(lambda: fleet.counter("completed") == 2)
    assert third.value("lines_total", event="end") == 1


@pytest.mark.parametrize("rotate", [Log.rename, Log.copy_and_truncate])
def test_sessions_that_end_around_a_rotation_are_completed(
    fleet: Fleet, log: Log, new_follower: NewFollower, rotate: Callable[[Log], object]
) -> None:
    following = new_follower(fleet, file=log.path)
    lines = fleet.begin_and_end(*ids(4))
    log.write(*lines[:2])
    rotate(log)
    log.write(*lines[2:])
    until(lambda: fleet.counter("completed") == 4)
    assert following.value("gaps_total", reason="gone") + following.value("gaps_total", reason="truncated") == 0


def test_an_unknown_fleet_is_waited_for(shared_service: ServiceProcess, log: Log, new_follower: NewFollower) -> None:
    later = Fleet(shared_service, "later")
    following = new_follower(later, file=log.path)
    log.write("slta1 begin a c-1")
    until(lambda: sum(following.value("calls_total", outcome=one) for one in ("ok", "unknown_fleet")) >= 2)
    Fleet.create(shared_service, "later")
    until(lambda: later.live == 1)


def test_a_fleet_that_does_not_exist_is_logged_before_there_is_a_line(
    shared_service: ServiceProcess, log: Log, new_follower: NewFollower, caplog: pytest.LogCaptureFixture
) -> None:
    new_follower(Fleet(shared_service, "nowhere"), file=log.path)
    until(lambda: caplog.messages == ["The fleet does not exist, the lines are kept: unknown_fleet"])


def test_without_lines_the_time_of_the_last_look_is_saved(
    fleet: Fleet, log: Log, new_follower: NewFollower, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "SAVE_SECONDS", 0)
    new_follower(fleet, file=log.path)
    position = tmp_path / "state/position.json"
    first = json.loads(position.read_text())
    until(lambda: json.loads(position.read_text())["seen_at"] > first["seen_at"])
    assert json.loads(position.read_text())["offset"] == first["offset"]


def test_a_position_that_cannot_be_saved_is_said_and_the_lines_go_on(
    fleet: Fleet, log: Log, new_follower: NewFollower, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    new_follower(fleet, file=log.path)
    (tmp_path / "state/position.new").mkdir()
    log.write(*fleet.begin_and_end("a"))
    until(lambda: fleet.counter("completed") == 1)
    until(lambda: any("the position cannot be saved" in message for message in caplog.messages))
    (tmp_path / "state/position.new").rmdir()
    log.write(*fleet.begin_and_end("b"))
    position = tmp_path / "state/position.json"
    until(lambda: json.loads(position.read_text())["offset"] == log.path.stat().st_size)
