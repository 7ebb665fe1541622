"""While slta does not answer, the proxy chooses by itself, soon and for every client; afterwards it asks again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import pytest

from testbed.awaiting import DEADLINE_SECONDS
from testbed.proxies.clients import Answer, sent
from testbed.proxies.proxy import Proxy
from testbed.proxies.system import System
from testbed.scene import OUTAGES, Outage

pytestmark = [pytest.mark.proxies]
CLIENTS = 50
LIMIT = aiohttp.ClientTimeout(total=2.5)
"""Far above the recipes' 0.25 s, below the 3.2 s that HAProxy's defaults take."""


@pytest.fixture(scope="module")
def behind(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """With the recipe's own time limits."""
    with System(proxy, tmp_path_factory.mktemp(proxy.name), patient=False) as made:
        yield made


@contextmanager
def during(fault: Outage, system: System) -> Iterator[None]:
    fault.begin(system)
    try:
        yield
    finally:
        fault.end(system)


async def at_once(system: System, clients: int) -> list[Answer]:
    """Each client has its answer within the limit."""
    return await asyncio.gather(*(sent(system, "GET", "/play", timeout=LIMIT) for _ in range(clients)))


@pytest.mark.parametrize("fault", OUTAGES.values(), ids=OUTAGES)
async def test_no_client_is_refused_or_kept_waiting(behind: System, fault: Outage) -> None:
    with during(fault, behind):
        answers = await at_once(behind, CLIENTS)
    assert [answer.status for answer in answers] == [200] * CLIENTS
    await until_placed(behind)


async def until_placed(system: System) -> None:
    """The next session is known to slta."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not system.knows((await sent(system, "GET", "/play")).served[0].session):
            pass
