"""Outages of slta, and ends of the follower: nothing is lost, nothing is done twice."""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from slta_integrations import client
from testbed.awaiting import until
from testbed.follower import FollowerProcess
from testbed.live_fleet import Fleet
from testbed.threaded_relay import ThreadedRelay
from tests.integrations.conftest import NewFollower
from tests.integrations.following import ids
from tests.integrations.logs import Log

STEPS = 25


def test_slta_away_and_back(fleet: Fleet, between: ThreadedRelay, log: Log, new_follower: NewFollower) -> None:
    following = new_follower(fleet, between.url, file=log.path)
    lines = fleet.begin_and_end(*ids(20))
    between.go_away()
    log.write(*lines[:10])
    until(lambda: following.value("calls_total", outcome="unreachable") >= 2)
    until(lambda: following.value("lag_seconds") > 0)
    log.rename()
    log.write(*lines[10:])
    until(lambda: following.value("backlog_bytes") == sum(len(line) + 1 for line in lines))
    between.come_back()
    until(lambda: fleet.live == 0)
    until(lambda: (following.value("backlog_bytes"), following.value("lag_seconds")) == (0, 0))
    assert following.value("answers_total", operation="complete", outcome="completed") == 20


def test_stopped_while_slta_is_away_it_sends_the_lines_later(
    fleet: Fleet, between: ThreadedRelay, log: Log, new_follower: NewFollower
) -> None:
    following = new_follower(fleet, between.url, file=log.path)
    lines = fleet.begin_and_end(*ids(3))
    between.go_away()
    log.write(*lines)
    until(lambda: following.value("calls_total", outcome="unreachable") >= 1)
    following.stop()
    between.come_back()
    new_follower(fleet, between.url, file=log.path)
    until(lambda: fleet.counter("completed") == 3)


@pytest.mark.slow
def test_slta_that_stands_still_is_asked_again_and_nothing_is_done_twice(
    fleet: Fleet, log: Log, new_follower: NewFollower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", 0.2)
    following = new_follower(fleet, file=log.path)
    lines = fleet.begin_and_end(*ids(20))
    fleet.service.signal(signal.SIGSTOP)
    try:
        log.write(*lines)
        until(lambda: following.value("calls_total", outcome="timeout") >= 3)
    finally:
        fleet.service.signal(signal.SIGCONT)
    until(lambda: following.value("backlog_bytes") == 0)
    assert (fleet.live, fleet.counter("completed")) == (0, 20)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kills_and_rotations_in_any_order_lose_and_double_nothing(fleet: Fleet, log: Log, tmp_path: Path) -> None:
    rng = random.Random(5)
    options = (fleet.service.url, fleet.name, tmp_path, "--file", str(log.path))
    process = FollowerProcess(*options).start()
    steps: list[Callable[[], object]] = [log.rename, process.kill, lambda: None]
    for number in range(STEPS):
        lines = fleet.begin_and_end(*ids(5, f"s{number}"))
        step = rng.choice(steps)
        log.write(*lines[:3])
        step()
        log.write(*lines[3:])
        if process.poll() is not None:
            process = FollowerProcess(*options).launch()
            steps[1] = process.kill
            if number % 2:  # it has read when it is killed; the others still start
                until(lambda: fleet.live == 0)
    until(lambda: fleet.live == 0)
    assert process.end() == 0
    assert fleet.counter("completed") == 5 * STEPS
    assert "WARNING" not in process.output


def test_a_restart_repeats_the_unanswered_call(fleet: Fleet, between: ThreadedRelay, log: Log, tmp_path: Path) -> None:
    lines = fleet.begin_and_end(*ids(10), "last")
    first = FollowerProcess(between.url, fleet.name, tmp_path, "--file", str(log.path)).start()
    before = json.loads(first.position.read_text())["offset"]
    between.hold()
    log.write(*lines[:10])
    assert between.held.wait(90)
    first.kill()
    assert json.loads(first.position.read_text())["offset"] == before
    between.release()
    second = FollowerProcess(between.url, fleet.name, tmp_path, "--file", str(log.path)).launch()
    log.write(lines[10])
    until(lambda: fleet.live == 0)
    until(lambda: json.loads(second.position.read_text())["offset"] == log.path.stat().st_size)
    assert second.end() == 0
    assert fleet.counter("completed") == 11


def test_sigterm_finishes_the_call_and_saves(fleet: Fleet, between: ThreadedRelay, log: Log, tmp_path: Path) -> None:
    lines = fleet.begin_and_end("a")
    process = FollowerProcess(between.url, fleet.name, tmp_path, "--file", str(log.path)).start()
    between.hold()
    log.write(*lines)
    assert between.held.wait(90)
    process.terminate()
    between.release()
    assert process.wait() == 0, process.output
    assert json.loads(process.position.read_text())["offset"] == log.path.stat().st_size
    assert "Traceback" not in process.output


def test_a_backlog_drops_its_oldest(fleet: Fleet, between: ThreadedRelay, log: Log, new_follower: NewFollower) -> None:
    lines = fleet.begin_and_end(*ids(4))
    following = new_follower(fleet, between.url, file=log.path, max_backlog=2 * len(lines[0]))
    between.go_away()
    log.write(lines[0])
    until(lambda: following.value("calls_total", outcome="unreachable") >= 1)  # it is read
    log.write(lines[1])
    log.rename()
    log.write(*lines[2:])
    until(lambda: following.value("gaps_total", reason="backlog") == 1)
    between.come_back()
    until(lambda: fleet.counter("completed") == 3)
    assert fleet.live == 1
