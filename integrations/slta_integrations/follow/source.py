"""Source of the lines: the proxy's log, or a socket whose datagrams go to a spool."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from pathlib import Path

from slta_integrations.follow.datagrams import ListenAddress, Receiver, bind
from slta_integrations.follow.log_files import inode_at
from slta_integrations.follow.log_tail import LogTail
from slta_integrations.follow.position import Position
from slta_integrations.follow.spool import Spool


class Source:
    """A log that the proxy, or its syslog server, writes. `arrived` is set when a line arrives, if that is noticed."""

    def __init__(self, tail: LogTail) -> None:
        """`tail` reads the lines."""
        self.tail = tail
        self.arrived = asyncio.Event()

    def answered(self) -> None:
        """The position of `tail` was saved: what is before it is not needed any more."""

    def close(self) -> None:
        """Stop receiving."""
        self.tail.close()


class DatagramSource(Source):
    """A socket, received at once into a spool of at most `max_backlog` bytes; further lines are dropped."""

    def __init__(
        self,
        address: ListenAddress,
        path: Path,
        position: Position | None,
        max_backlog: int,
        on_dropped: Callable[[str, int, str], None],
    ) -> None:
        """Bind the socket; `on_dropped` gets reason, number and cause of lost lines. Raises UserError or OSError."""
        self.socket = bind(address)
        self._inode = address.path and inode_at(address.path)
        self._address = address
        self._max_backlog = max_backlog
        self._drop = on_dropped
        self._spool = Spool(path)
        super().__init__(LogTail(path, position or Position(None, 0, "", time.time()), rotate_wait_seconds=0))
        cause = "the socket's receive buffer was full (net.core.rmem_max)"
        self._receiver = Receiver(self.socket, self._keep, lambda count: on_dropped("kernel", count, cause))
        asyncio.get_running_loop().add_reader(self.socket, self._receiver.receive)

    def _keep(self, lines: list[bytes]) -> None:
        room = self._max_backlog - self.tail.backlog
        ends = itertools.accumulate(len(line) + 1 for line in lines)
        fitting = lines[: sum(end <= room for end in ends)]
        if len(fitting) < len(lines):
            self._drop("backlog", len(lines) - len(fitting), "the spool has --max-backlog bytes")
        try:
            self._spool.append(fitting)
        except OSError as error:
            self._drop("spool", len(fitting), str(error))
        self.arrived.set()

    def answered(self) -> None:
        self.tail.look()
        self._spool.remove_read(self.tail.inodes)

    def close(self) -> None:
        """Keep what has arrived, then close the socket."""
        asyncio.get_running_loop().remove_reader(self.socket)
        self._receiver.receive()
        if self._address.path and inode_at(self._address.path) == self._inode:  # another one's may have replaced it
            self._address.path.unlink()
        self.socket.close()
        self._spool.close()
        super().close()
