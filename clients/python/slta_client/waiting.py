"""Waits for an event."""

from __future__ import annotations

import asyncio


async def is_set_within(event: asyncio.Event, seconds: float | None) -> bool:
    """Wait for the event, so long at most or without a bound: whether it was set. A cancellation is never lost."""
    try:
        async with asyncio.timeout(seconds):  # not wait_for, which may lose a cancellation before Python 3.12
            await event.wait()
    except TimeoutError:
        return False
    return True
