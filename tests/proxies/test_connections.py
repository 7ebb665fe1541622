"""A connection is a session: it is on the pool that slta named."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from testbed.proxies.clients import KINDS
from testbed.proxies.system import NAMES, System

pytestmark = [pytest.mark.proxies]


async def test_each_session_is_on_the_pool_that_slta_named(behind: System) -> None:
    async with AsyncExitStack() as stack:
        held = [await stack.enter_async_context(KINDS[kind](behind)) for kind in [*KINDS] * len(NAMES)]
        assert [served.pool for served in held] == [behind.pool_of(served.session) for served in held]
        assert len({served.session for served in held}) == len(held)
        assert {served.pool for served in held} == set(NAMES)
