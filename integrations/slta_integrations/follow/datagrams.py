"""Datagram sockets that receive lines: UDP and Unix. What the kernel drops is counted by SO_RXQ_OVFL (Linux)."""

from __future__ import annotations

import socket
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from slta.cli.error_messages import UserError

SO_RXQ_OVFL = 40
"""Linux; not in Python's `socket`. With a datagram the kernel sends how many it has dropped since the bind."""
RECEIVE_BUFFER_BYTES = 8 << 20
"""Asked for; Linux gives at most net.core.rmem_max."""
MAX_DATAGRAM_BYTES = 64 * 1024
MAX_AT_ONCE = 1000


class ListenAddress(NamedTuple):
    """`host` and `port` for UDP, otherwise `path`."""

    host: str
    port: int
    path: Path | None = None


def parse_listen(text: str) -> ListenAddress:
    """Parse `udp://127.0.0.1:5140` or `unix:///run/slta/log.sock`. Raises UserError."""
    with suppress(ValueError):  # of `port`
        parts = urlsplit(text)
        if parts.scheme == "udp" and parts.hostname and parts.port and not parts.path:
            return ListenAddress(parts.hostname, parts.port)
        if parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/"):
            return ListenAddress("", 0, Path(parts.path))
    raise UserError(f"--listen: must be udp://ADDRESS:PORT or unix:///PATH, not {text!r}")


def bind(address: ListenAddress) -> socket.socket:
    """A bound, non-blocking socket. Raises OSError, or UserError with the address."""
    try:
        if address.path:
            return _bind_unix(address.path)
        family, kind, protocol, _, place = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)[0]
        return _bound(socket.socket(family, kind, protocol), place)
    except OSError as error:
        raise UserError(f"--listen: {error.strerror or error}") from None


def _bind_unix(path: Path) -> socket.socket:
    """A socket that was left behind is replaced. Everybody who can reach its directory may write to it."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise UserError(f"--listen: {path} exists and is no socket")
        path.unlink()
    made = _bound(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), str(path))
    path.chmod(0o666)
    return made


def _bound(made: socket.socket, place: Any) -> socket.socket:  # noqa: ANN401 - an address of any family
    try:
        made.bind(place)
    except OSError:
        made.close()
        raise
    made.settimeout(0)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    if sys.platform == "linux":
        made.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
    return made


class Receiver:
    """Reads a socket's datagrams; one may have several lines."""

    def __init__(
        self, source: socket.socket, on_lines: Callable[[list[bytes]], None], on_lost: Callable[[int], None]
    ) -> None:
        """`on_lost` gets a number of datagrams that the kernel dropped."""
        self._source = source
        self._on_lines = on_lines
        self._on_lost = on_lost
        self._lost = 0

    def receive(self) -> None:
        """Read what has arrived, at most `MAX_AT_ONCE` datagrams."""
        lines: list[bytes] = []
        for _ in range(MAX_AT_ONCE):
            try:
                data, ancillary, _, _ = self._source.recvmsg(MAX_DATAGRAM_BYTES, socket.CMSG_SPACE(4))
            except BlockingIOError:
                break
            lines += [line for line in data.rstrip(b"\0").split(b"\n") if line]
            for level, kind, value in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, SO_RXQ_OVFL):
                    total = int.from_bytes(value[:4], sys.byteorder)  # it counts modulo 2^32
                    if lost := (total - self._lost) % 2**32:
                        self._on_lost(lost)
                    self._lost = total
        if lines:
            self._on_lines(lines)
