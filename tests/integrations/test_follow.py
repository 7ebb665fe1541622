"""The follower against a real dispatcher: nothing is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from slta_integrations import client
from slta_integrations.follow import datagrams, follower, source
from slta_integrations.follow.datagrams import ListenAddress
from slta_integrations.follow.metrics import Metrics
from slta_integrations.follow.notices import Notices
from slta_integrations.follow.source import DatagramSource
from slta_integrations.follow.spool import Spool
from tests.awaiting import until
from tests.integrations.conftest import NewFollower
from tests.integrations.following import Fleet, FollowerProcess, Following
from tests.integrations.logs import Log
from tests.relay import Link, Relay
from tests.servers import free_port
from tests.service_process import ServiceProcess

STEPS = 25


def ids(count: int, prefix: str = "s") -> list[str]:
    return [f"{prefix}-{number}" for number in range(count)]


def test_the_line_of_an_end_completes_the_session(fleet: Fleet, log: Log, new_follower: NewFollower) -> None:
    following = new_follower(fleet, file=log.path)
    log.write(*fleet.begin_and_end("a"))
    until(lambda: fleet.completions == 1)
    assert fleet.sessions == 0
    until(lambda: following.value("outcomes_total", operation="complete", code="completed") == 1)


def test_the_position_is_saved_after_the_answer(
    fleet: Fleet, log: Log, new_follower: NewFollower, tmp_path: Path
) -> None:
    new_follower(fleet, file=log.path)
    log.write(*fleet.begin_and_end("a"))
    position = tmp_path / "state/position.json"
    until(lambda: json.loads(position.read_text())["offset"] == log.path.stat().st_size)
    assert fleet.completions == 1


def test_lines_are_counted_by_kind(fleet: Fleet, log: Log, new_follower: NewFollower) -> None:
    following = new_follower(fleet, file=log.path)
    log.write("GET /", "slta1 stop a", "slta1 begin a -", "x" * 70_000, "slta1 end a c-1 1")
    until(lambda: following.value("lines_total", kind="end") == 1)
    log.write("slta1 end cut", end="")
    log.rename()
    log.write("slta1 end b c-1 1")
    until(lambda: following.value("lines_total", kind="end") == 2)
    kinds = {kind: following.value("lines_total", kind=kind) for kind in ("unknown", "damaged", "no_pool", "too_long")}
    assert kinds == {"unknown": 1, "damaged": 2, "no_pool": 1, "too_long": 1}


def test_many_lines_go_in_calls_of_a_thousand(fleet: Fleet, log: Log, new_follower: NewFollower) -> None:
    following = new_follower(fleet, file=log.path)
    with log.path.open("a") as stream:
        stream.write("".join(f"slta1 end unknown-{number} c-1 0.5\n" for number in range(2500)))
    until(lambda: following.value("outcomes_total", operation="complete", code="unknown_session") == 2500)
    assert 3 <= following.value("calls_total", status="200") <= 4
    assert following.value("unseen_session_seconds_total") == 1250


def test_a_follower_that_starts_again_goes_on_where_it_was(fleet: Fleet, log: Log, new_follower: NewFollower) -> None:
    new_follower(fleet, file=log.path).stop()
    log.write(*fleet.begin_and_end("a"))
    second = new_follower(fleet, file=log.path)
    until(lambda: second.value("lines_total", kind="end") == 1 and fleet.completions == 1)
    second.stop()
    log.write(*fleet.begin_and_end("b"))
    third = new_follower(fleet, file=log.path)
    until(lambda: fleet.completions == 2)
    assert third.value("lines_total", kind="end") == 1


@pytest.mark.parametrize("rotate", [Log.rename, Log.copy_and_truncate])
def test_sessions_that_end_around_a_rotation_are_completed(
    fleet: Fleet, log: Log, new_follower: NewFollower, rotate: Callable[[Log], object]
) -> None:
    following = new_follower(fleet, file=log.path)
    lines = fleet.begin_and_end(*ids(4))
    log.write(*lines[:2])
    rotate(log)
    log.write(*lines[2:])
    until(lambda: fleet.completions == 4)
    assert following.value("gaps_total", reason="gone") + following.value("gaps_total", reason="truncated") == 0


def test_slta_away_and_back(own_fleet: Fleet, log: Log, new_follower: NewFollower) -> None:
    following = new_follower(own_fleet, file=log.path)
    lines = own_fleet.begin_and_end(*ids(20))
    own_fleet.service.kill()
    log.write(*lines[:10])
    until(lambda: following.value("calls_total", status="connection_failed") >= 2)
    until(lambda: following.value("lag_seconds") > 0)
    log.rename()
    log.write(*lines[10:])
    until(lambda: following.value("backlog_bytes") == sum(len(line) + 1 for line in lines))
    own_fleet.service.start()
    until(lambda: own_fleet.sessions == 0)
    until(lambda: (following.value("backlog_bytes"), following.value("lag_seconds")) == (0, 0))
    assert following.value("outcomes_total", operation="complete", code="completed") == 20


def test_stopped_while_slta_is_away_it_sends_the_lines_later(
    own_fleet: Fleet, log: Log, new_follower: NewFollower
) -> None:
    following = new_follower(own_fleet, file=log.path)
    lines = own_fleet.begin_and_end(*ids(3))
    own_fleet.service.kill()
    log.write(*lines)
    until(lambda: following.value("calls_total", status="connection_failed") >= 1)
    following.stop()
    own_fleet.service.start()
    new_follower(own_fleet, file=log.path)
    until(lambda: own_fleet.completions == 3)


def test_slta_that_stands_still_is_asked_again_and_nothing_is_done_twice(
    own_fleet: Fleet, log: Log, new_follower: NewFollower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", 0.5)
    following = new_follower(own_fleet, file=log.path)
    lines = own_fleet.begin_and_end(*ids(20))
    own_fleet.service.signal(signal.SIGSTOP)
    log.write(*lines)
    until(lambda: following.value("calls_total", status="timeout") >= 3)
    own_fleet.service.signal(signal.SIGCONT)
    until(lambda: following.value("backlog_bytes") == 0)
    assert (own_fleet.sessions, own_fleet.completions) == (0, 20)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kills_and_rotations_in_any_order_lose_nothing_and_do_nothing_twice(
    fleet: Fleet, log: Log, tmp_path: Path
) -> None:
    rng = random.Random(5)
    options = (fleet.service.url, fleet.name, tmp_path, "--file", str(log.path))
    process = FollowerProcess(*options)
    process.until_ready()
    steps: list[Callable[[], object]] = [log.rename, process.kill, lambda: None]
    for number in range(STEPS):
        lines = fleet.begin_and_end(*ids(5, f"s{number}"))
        step = rng.choice(steps)
        log.write(*lines[:3])
        step()
        log.write(*lines[3:])
        if process.process.poll() is not None:
            process = FollowerProcess(*options)
            steps[1] = process.kill
    until(lambda: fleet.sessions == 0)
    assert process.end() == 0
    assert fleet.completions == 5 * STEPS
    assert "WARNING" not in process.log


class Holding:
    """A relay to a dispatcher that can hold its answers back, in a thread."""

    def __init__(self, port: int) -> None:
        self._relay = Relay(port)
        self._relay.rule = self._rule
        self._ready = threading.Event()
        self._passing = threading.Event()
        self._passing.set()
        self.held = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=[self._run()])
        self._thread.start()
        self._ready.wait()

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        await self._relay.listen()
        self._ready.set()
        await self._over.wait()
        await self._relay.stop()

    async def _rule(self, _: Link, data: bytes, from_client: bool) -> bytes:
        if not from_client and not self._passing.is_set():
            self.held.set()
            await asyncio.to_thread(self._passing.wait)
        return data

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._relay.port}"

    def hold(self) -> None:
        self._passing.clear()

    def release(self) -> None:
        self._passing.set()

    def stop(self) -> None:
        self.release()
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()


@contextmanager
def holding(fleet: Fleet) -> Iterator[Holding]:
    made = Holding(fleet.service.port)
    try:
        yield made
    finally:
        made.stop()


def test_killed_while_the_answer_is_under_way_it_repeats_the_call_and_no_more(
    fleet: Fleet, log: Log, tmp_path: Path
) -> None:
    lines = fleet.begin_and_end(*ids(10), "last")
    with holding(fleet) as between:
        first = FollowerProcess(between.url, fleet.name, tmp_path, "--file", str(log.path))
        first.until_ready()
        before = json.loads(first.position.read_text())["offset"]
        between.hold()
        log.write(*lines[:10])
        assert between.held.wait(90)
        first.kill()
        assert json.loads(first.position.read_text())["offset"] == before
        between.release()
        second = FollowerProcess(between.url, fleet.name, tmp_path, "--file", str(log.path))
        log.write(lines[10])
        until(lambda: fleet.sessions == 0)
        until(lambda: json.loads(second.position.read_text())["offset"] == log.path.stat().st_size)
        assert second.end() == 0
    assert fleet.completions == 11


def test_sigterm_finishes_the_call_saves_the_position_and_exits_with_0(fleet: Fleet, log: Log, tmp_path: Path) -> None:
    lines = fleet.begin_and_end("a")
    with holding(fleet) as between:
        process = FollowerProcess(between.url, fleet.name, tmp_path, "--file", str(log.path))
        process.until_ready()
        between.hold()
        log.write(*lines)
        assert between.held.wait(90)
        process.process.terminate()
        between.release()
        assert process.process.wait(90) == 0, process.log
    assert json.loads(process.position.read_text())["offset"] == log.path.stat().st_size
    assert "Traceback" not in process.log


@pytest.mark.parametrize("kind", ["udp", "unix"])
def test_datagrams_are_kept_while_slta_is_away_and_after_a_kill(own_fleet: Fleet, tmp_path: Path, kind: str) -> None:
    address = ("127.0.0.1", free_port()) if kind == "udp" else str(tmp_path / "log.sock")
    listen = f"udp://127.0.0.1:{address[1]}" if kind == "udp" else f"unix://{address}"
    lines = own_fleet.begin_and_end(*ids(5))
    first = FollowerProcess(own_fleet.service.url, "f", tmp_path, "--listen", listen)
    first.until_ready()
    own_fleet.service.kill()
    send(address, lines)
    until(lambda: (tmp_path / "state/spool.log").read_text().count("\n") == 5)
    first.kill()
    own_fleet.service.start()
    second = FollowerProcess(own_fleet.service.url, "f", tmp_path, "--listen", listen)
    until(lambda: own_fleet.completions == 5)
    assert second.end() == 0
    assert own_fleet.sessions == 0


def send(address: tuple[str, int] | str, lines: list[str]) -> None:
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for line in lines:
            sender.sendto(line.encode(), address)


def test_beyond_the_backlog_datagrams_are_dropped_and_counted(
    own_fleet: Fleet, tmp_path: Path, new_follower: NewFollower
) -> None:
    path = str(tmp_path / "log.sock")
    lines = own_fleet.begin_and_end(*ids(20))
    size = len(lines[0]) + 1
    following = new_follower(own_fleet, listen=ListenAddress("", 0, Path(path)), max_backlog=10 * size)
    own_fleet.service.kill()
    send(path, ["slta1 end unknown c-1 1"])
    until(lambda: following.value("calls_total", status="connection_failed") >= 1)  # its line is read
    send(path, lines)
    spool = tmp_path / "state/spool.log"
    until(lambda: spool.read_text().count("\n") + dropped(following) == 21)
    assert dropped(following) == 10
    own_fleet.service.start()
    until(lambda: own_fleet.completions == 10)
    assert own_fleet.sessions == 10


def dropped(following: Following) -> float:
    return following.value("dropped_lines_total", reason="backlog")


def test_beyond_the_backlog_the_oldest_rotated_file_is_dropped_and_counted(
    own_fleet: Fleet, log: Log, new_follower: NewFollower
) -> None:
    lines = own_fleet.begin_and_end(*ids(4))
    following = new_follower(own_fleet, file=log.path, max_backlog=2 * len(lines[0]))
    own_fleet.service.kill()
    log.write(lines[0])
    until(lambda: following.value("calls_total", status="connection_failed") >= 1)  # it is read
    log.write(lines[1])
    log.rename()
    log.write(*lines[2:])
    until(lambda: dropped(following) == 1)
    own_fleet.service.start()
    until(lambda: own_fleet.completions == 3)
    assert own_fleet.sessions == 1


def test_a_fleet_that_does_not_exist_yet_is_waited_for(
    shared_service: ServiceProcess, log: Log, new_follower: NewFollower
) -> None:
    later = Fleet(shared_service, "later")
    following = new_follower(later, file=log.path)
    log.write("slta1 begin a c-1")
    until(lambda: following.value("calls_total", status="200") + following.value("calls_total", status="404") >= 2)
    Fleet.create(shared_service, "later")
    until(lambda: later.sessions == 1)


def test_a_fleet_that_does_not_exist_is_logged_before_there_is_a_line(
    shared_service: ServiceProcess, log: Log, new_follower: NewFollower, caplog: pytest.LogCaptureFixture
) -> None:
    new_follower(Fleet(shared_service, "nowhere"), file=log.path)
    until(lambda: caplog.messages == ["The fleet does not exist, the lines are kept: unknown_fleet"])


def test_what_the_kernel_drops_is_counted(
    fleet: Fleet, new_follower: NewFollower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datagrams, "RECEIVE_BUFFER_BYTES", 1)
    port = free_port()
    following = new_follower(fleet, listen=ListenAddress("127.0.0.1", port))

    def is_lost() -> bool:
        send(("127.0.0.1", port), ["x" * 500] * 100)
        return bool(following.value("dropped_lines_total", reason="kernel"))

    until(is_lost)


async def test_datagrams_that_have_arrived_are_kept_at_a_stop(tmp_path: Path) -> None:
    path = tmp_path / "log.sock"
    address = ListenAddress("", 0, path)
    received = DatagramSource(address, tmp_path / "spool.log", None, 1000, Metrics(), Notices())
    send(str(path), ["slta1 end a c-1 1"])
    received.stop()
    assert (tmp_path / "spool.log").read_text() == "slta1 end a c-1 1\n"
    assert not path.exists()


def has_completed(fleet: Fleet, count: int) -> bool:
    return fleet.completions == count


def test_segments_of_the_spool_are_removed_when_slta_has_answered(
    fleet: Fleet, new_follower: NewFollower, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "Spool", partial(Spool, segment_bytes=1))
    path = str(tmp_path / "log.sock")
    new_follower(fleet, listen=ListenAddress("", 0, Path(path)))
    for count, line in enumerate(fleet.begin_and_end(*ids(3)), 1):
        send(path, [line])
        until(partial(has_completed, fleet, count))
    until(lambda: [file.name for file in (tmp_path / "state").glob("spool*")] == ["spool.log"])


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
    until(lambda: fleet.completions == 1)
    until(lambda: any("the position cannot be saved" in message for message in caplog.messages))
    (tmp_path / "state/position.new").rmdir()
    log.write(*fleet.begin_and_end("b"))
    position = tmp_path / "state/position.json"
    until(lambda: json.loads(position.read_text())["offset"] == log.path.stat().st_size)
