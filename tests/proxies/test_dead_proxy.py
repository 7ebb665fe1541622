"""A proxy or follower that dies leaves no session behind, and no session that lives is ended."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from testbed.awaiting import eventually
from testbed.follower import FollowerProcess
from testbed.proxies.clients import KINDS
from testbed.proxies.proxy import Proxy, running
from testbed.proxies.system import System, follower
from tests.proxies.conftest import BEGINNING

SESSIONS = 20
SHORT_LEASE = 6
"""Seconds: renewed each 2."""
pytestmark = [pytest.mark.proxies, pytest.mark.parametrize("proxy", BEGINNING, indirect=True)]


def following(behind: System) -> FollowerProcess:
    return follower(behind.proxy, behind.setup, behind.key)


@asynccontextmanager
async def held(system: System, count: int = SESSIONS) -> AsyncIterator[None]:
    """So many sessions, which slta has; their clients bear the end of the proxy."""
    with suppress(aiohttp.ClientError):
        async with AsyncExitStack() as stack:
            for _ in range(count):
                await stack.enter_async_context(KINDS["websocket"](system))

            yield


def kill(system: System) -> None:
    """All processes of the proxy."""
    os.killpg(system.process.pid, signal.SIGKILL)
    system.process.wait()


def renewed(system: System) -> float:
    return system.followed().get('answers_total{operation="renew",outcome="renewed"}', 0)


def followed(system: System) -> float:
    return system.followed().get('live_sessions{fleet="f"}', 0)


def signs(system: System) -> int:
    """Lines which say that the proxy lives."""
    log = Path(system.proxy.source(system.setup)[-1]).read_bytes()
    return log.count(b"slta1 start") + log.count(b"slta1 alive")


async def test_of_a_proxy_that_was_restarted_only_new_sessions_are_left(proxy: Proxy, tmp_path: Path) -> None:
    with System(proxy, tmp_path, lease=900) as behind, following(behind):
        async with held(behind):
            await eventually(lambda: followed(behind) == SESSIONS)  # Envoy keeps lines back for 0.1 s
            kill(behind)
        with running(proxy, behind.setup):
            async with held(behind, 2):
                await eventually(lambda: behind.active() == 2)


async def test_sessions_are_renewed_until_the_proxy_dies(proxy: Proxy, tmp_path: Path) -> None:
    with System(proxy, tmp_path, lease=SHORT_LEASE) as behind, following(behind):
        async with held(behind):
            await eventually(lambda: renewed(behind) >= 4 * SESSIONS)
            assert behind.active() == SESSIONS
            kill(behind)
        await eventually(lambda: behind.active() == 0)


async def test_a_follower_that_was_away_ends_what_has_ended_and_nothing_else(proxy: Proxy, tmp_path: Path) -> None:
    with System(proxy, tmp_path, lease=2 * SHORT_LEASE) as behind, following(behind) as process:
        async with held(behind):
            async with held(behind):
                await eventually(lambda: followed(behind) == 2 * SESSIONS)
                process.kill()
            before = signs(behind)
            await eventually(lambda: signs(behind) > before)  # a third of the lease
            with following(behind):
                await eventually(lambda: behind.active() == SESSIONS)
                await eventually(lambda: renewed(behind) >= 4 * SESSIONS)
                assert behind.active() == SESSIONS


async def test_slta_that_was_away_ends_no_session(proxy: Proxy, tmp_path: Path) -> None:
    with System(proxy, tmp_path, lease=SHORT_LEASE) as behind, following(behind):
        async with held(behind):
            await eventually(lambda: followed(behind) == SESSIONS)
            behind.service.kill()
            before = signs(behind)
            await eventually(lambda: signs(behind) > before + 3)
            behind.service.start()
            done = renewed(behind)
            await eventually(lambda: renewed(behind) >= done + 4 * SESSIONS)
            assert behind.active() == SESSIONS


async def test_a_reload_ends_no_session(proxy: Proxy, tmp_path: Path) -> None:
    with System(proxy, tmp_path, lease=SHORT_LEASE) as behind, following(behind):
        assert proxy.reload
        async with held(behind):
            with proxy.reload(behind.process, behind.setup.folder / proxy.recipe):
                lines = signs(behind)
                await eventually(lambda: signs(behind) > lines + 3)
                async with held(behind):
                    before = renewed(behind)
                    await eventually(lambda: renewed(behind) >= before + 6 * SESSIONS)
                    assert behind.active() == 2 * SESSIONS


async def test_a_first_follower_beside_a_proxy_that_runs_ends_no_session(proxy: Proxy, tmp_path: Path) -> None:
    with System(proxy, tmp_path, lease=SHORT_LEASE) as behind:
        async with held(behind):
            with following(behind):
                await eventually(lambda: behind.followed().get('lines_total{event="start"}'))
                assert behind.active() == SESSIONS
