"""Waits for an event."""

from __future__ import annotations

import asyncio

import pytest

from slta_integrations.waiting import is_set_within


async def test_an_event_that_is_set_ends_the_wait() -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(is_set_within(event, None))
    await asyncio.sleep(0)
    event.set()
    assert await waiting


async def test_an_event_that_is_not_set_in_time_is_told_from_one_that_is() -> None:
    assert not await is_set_within(asyncio.Event(), 0)


async def test_a_cancellation_at_the_moment_of_the_event_is_not_lost() -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(is_set_within(event, 60))
    await asyncio.sleep(0)
    event.set()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
