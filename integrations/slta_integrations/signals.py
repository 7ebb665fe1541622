"""Signals that stop a command: SIGTERM and SIGINT."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable


def on_stop(handler: Callable[[], object]) -> None:
    """Call the handler in the running event loop at each of these signals."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, handler)


async def until_signalled(run: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run with an event that these signals set."""
    stopping = asyncio.Event()
    on_stop(stopping.set)
    await run(stopping)
