"""Source of the lines: the proxy's log, or a socket whose datagrams go to a spool."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from slta_integrations.follow.datagrams import ListenAddress, Receiver, bind
from slta_integrations.follow.log_files import inode_at
from slta_integrations.follow.log_tail import Gap, LogTail
from slta_integrations.follow.metrics import Metrics
from slta_integrations.follow.position import Position
from slta_integrations.follow.spool import Spool
from slta_integrations.notices import Notices

_GAPS = {
    "gone": "the file that was being read is gone or compressed: its last lines are lost",
    "truncated": "the log was truncated without a copy: lines may be lost",
}


class Source(Protocol):
    """Source of lines; `tail` reads them. `arrived` is set when a line arrives, if the source notices."""

    tail: LogTail
    arrived: asyncio.Event

    def answered(self) -> None:
        """The position of `tail` was saved: what is before it is not needed any more."""

    def stop(self) -> None:
        """Stop receiving."""


class FileSource:
    """A log that the proxy, or its syslog server, writes."""

    def __init__(
        self, path: Path, position: Position | None, max_backlog: int, metrics: Metrics, notices: Notices
    ) -> None:
        self.arrived = asyncio.Event()
        self.tail = LogTail(path, position, max_backlog=max_backlog, on_gap=_gap_counter(metrics, notices))

    def answered(self) -> None:
        pass

    def stop(self) -> None:
        self.tail.close()


class DatagramSource:
    """A socket, received at once into a spool of at most `max_backlog` bytes; further lines are dropped."""

    def __init__(
        self,
        address: ListenAddress,
        path: Path,
        position: Position | None,
        max_backlog: int,
        metrics: Metrics,
        notices: Notices,
    ) -> None:
        """Bind the socket. Raises UserError or OSError."""
        self.socket = bind(address)
        self._inode = address.path and inode_at(address.path)
        self._address = address
        self.arrived = asyncio.Event()
        self._max_backlog = max_backlog
        self._metrics = metrics
        self._notices = notices
        self._spool = Spool(path)
        begin = position or Position(None, 0, "", time.time())
        self.tail = LogTail(path, begin, rotate_wait_seconds=0, on_gap=_gap_counter(metrics, notices))
        self._receiver = Receiver(self.socket, self._keep, self._lost)
        asyncio.get_running_loop().add_reader(self.socket, self._receiver.receive)

    def _keep(self, lines: list[bytes]) -> None:
        fitting = self._fitting(lines)
        if len(fitting) < len(lines):
            self._drop("backlog", len(lines) - len(fitting), "the spool has --max-backlog bytes")
        try:
            self._spool.append(fitting)
        except OSError as error:
            self._drop("spool", len(fitting), str(error))
        self.arrived.set()

    def _fitting(self, lines: list[bytes]) -> list[bytes]:
        """The first lines, as many as there is room for."""
        room = self._max_backlog - self.tail.backlog
        ends = itertools.accumulate(len(line) + 1 for line in lines)
        return lines[: sum(end <= room for end in ends)]

    def _lost(self, count: int) -> None:
        self._drop("kernel", count, "the socket's receive buffer was full (net.core.rmem_max)")

    def _drop(self, reason: str, count: int, why: str) -> None:
        self._metrics.dropped_lines.labels(reason).inc(count)
        self._notices.say(f"dropped {reason}", f"{count} lines dropped: {why}")

    def answered(self) -> None:
        self.tail.look()
        self._spool.remove_read(self.tail.inodes)

    def stop(self) -> None:
        """Keep what has arrived, then close the socket."""
        asyncio.get_running_loop().remove_reader(self.socket)
        self._receiver.receive()
        if self._address.path and inode_at(self._address.path) == self._inode:  # another one's may have replaced it
            self._address.path.unlink()
        self.socket.close()
        self._spool.close()
        self.tail.close()


def _gap_counter(metrics: Metrics, notices: Notices) -> Callable[[Gap], None]:
    def count(gap: Gap) -> None:
        metrics.gaps.labels(gap).inc()
        notices.say(gap, _GAPS[gap])

    return count
