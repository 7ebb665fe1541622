"""Many TCP clients of one server on loopback that say nothing, each from an address of its own."""

from __future__ import annotations

import contextlib
import socket


def stranger(port: int, number: int) -> socket.socket:
    """A connection that is not waited for; `number` is that of its address."""
    client = socket.socket()
    client.bind((f"127.{1 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}", 0))
    client.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        client.connect(("127.0.0.1", port))
    return client


def is_open(client: socket.socket) -> bool:
    """Close it once the server has ended it."""
    try:
        has_ended = client.recv(65_536) == b""
    except BlockingIOError:
        return True
    except OSError:
        has_ended = True
    if has_ended:
        client.close()
    return not has_ended
