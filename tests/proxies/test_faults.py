"""While slta does not answer, the proxy chooses by itself, soon and for every client; afterwards it asks again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import aiohttp
import pytest

from testbed.awaiting import DEADLINE_SECONDS
from testbed.proxies.clients import Answer, sent
from testbed.proxies.proxy import Proxy
from testbed.proxies.system import System, system

pytestmark = [pytest.mark.proxies]
CLIENTS = 50
LIMIT = aiohttp.ClientTimeout(total=2.5)
"""Far above the recipes' 0.25 s, below the 3.2 s that HAProxy's defaults take."""


class Fault(NamedTuple):
    begin: Callable[[System], None]
    end: Callable[[System], None]


FAULTS = {
    "slta was killed": Fault(lambda system: system.service.kill(), lambda system: system.service.start()),
    "slta stands still": Fault(
        lambda system: system.service.signal(signal.SIGSTOP), lambda system: system.service.signal(signal.SIGCONT)
    ),
    "its store was killed": Fault(lambda system: system.store.kill(), lambda system: system.store.start()),
    "its store stands still": Fault(lambda system: system.store.freeze(), lambda system: system.store.thaw()),
}


@pytest.fixture(scope="module")
def behind(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """With the recipe's own time limits."""
    with system(proxy, tmp_path_factory.mktemp(proxy.name), patient=False) as made:
        yield made


@contextmanager
def during(fault: Fault, system: System) -> Iterator[None]:
    fault.begin(system)
    try:
        yield
    finally:
        fault.end(system)


async def at_once(system: System, clients: int) -> list[Answer]:
    """Each client has its answer within the limit."""
    return await asyncio.gather(*(sent(system, "GET", "/play", timeout=LIMIT) for _ in range(clients)))


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_no_client_is_refused_or_kept_waiting(behind: System, fault: Fault) -> None:
    with during(fault, behind):
        answers = await at_once(behind, CLIENTS)
    assert [answer.status for answer in answers] == [200] * CLIENTS
    await until_placed(behind)


async def until_placed(system: System) -> None:
    """The next session is known to slta."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not system.knows((await sent(system, "GET", "/play")).served[0].session):
            pass
