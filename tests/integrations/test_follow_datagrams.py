"""Datagrams: kept on disk until slta has answered, and counted where they are dropped."""

from __future__ import annotations

import socket
from functools import partial
from pathlib import Path

import pytest

from slta_integrations.follow import datagrams, source
from slta_integrations.follow.datagrams import ListenAddress
from slta_integrations.follow.source import DatagramSource
from slta_integrations.follow.spool import Spool
from testbed.awaiting import until
from testbed.follower import FollowerProcess
from testbed.live_fleet import Fleet
from testbed.servers import free_port
from testbed.threaded_relay import ThreadedRelay
from tests.integrations.conftest import NewFollower
from tests.integrations.following import ids


@pytest.mark.parametrize("kind", ["udp", "unix"])
def test_datagrams_are_kept_in_outage_and_kill(fleet: Fleet, between: ThreadedRelay, tmp_path: Path, kind: str) -> None:
    address = ("127.0.0.1", free_port()) if kind == "udp" else str(tmp_path / "log.sock")
    listen = f"udp://127.0.0.1:{address[1]}" if kind == "udp" else f"unix://{address}"
    lines = fleet.begin_and_end(*ids(5))
    first = FollowerProcess(between.url, fleet.name, tmp_path, "--listen", listen).start()
    between.go_away()
    send(address, lines)
    until(lambda: (tmp_path / "state/spool.log").read_text().count("\n") == 5)
    first.kill()
    between.come_back()
    second = FollowerProcess(between.url, fleet.name, tmp_path, "--listen", listen).launch()
    until(lambda: fleet.counter("completed") == 5)
    assert second.end() == 0
    assert fleet.live == 0


def send(address: tuple[str, int] | str, lines: list[str]) -> None:
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for line in lines:
            sender.sendto(line.encode(), address)


def test_beyond_the_backlog_datagrams_are_dropped_and_counted(
    fleet: Fleet, between: ThreadedRelay, tmp_path: Path, new_follower: NewFollower
) -> None:
    path = str(tmp_path / "log.sock")
    lines = fleet.begin_and_end(*ids(20))
    size = len(lines[0]) + 1
    following = new_follower(fleet, between.url, listen=ListenAddress("", 0, Path(path)), max_backlog=10 * size)
    between.go_away()
    send(path, ["slta1 end unknown c-1 1"])
    until(lambda: following.value("calls_total", outcome="unreachable") >= 1)  # its line is read
    send(path, lines)
    spool = tmp_path / "state/spool.log"
    until(lambda: spool.read_text().count("\n") + following.dropped == 21)
    assert following.dropped == 10
    between.come_back()
    until(lambda: fleet.counter("completed") == 10)
    assert fleet.live == 10


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
    received = DatagramSource(address, tmp_path / "spool.log", None, 1000, lambda *_: None)
    send(str(path), ["slta1 end a c-1 1"])
    received.close()
    assert (tmp_path / "spool.log").read_text() == "slta1 end a c-1 1\n"
    assert not path.exists()


def has_completed(fleet: Fleet, count: int) -> bool:
    return fleet.counter("completed") == count


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
