"""Transport of a request whose body is incomplete."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class LingeringTransport:
    """`close` half-closes and lingers, so that a client that is still sending can read the response."""

    def __init__(self, transport: asyncio.Transport, half_close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = half_close
