"""Waits for an event."""

from __future__ import annotations

import asyncio

import pytest

from slta_client.timer import is_set_within


async def test_a_cancellation_at_the_moment_of_the_event_is_not_lost() -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(is_set_within(event, 60))
    await asyncio.sleep(0)
    event.set()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
