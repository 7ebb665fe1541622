"""While slta does not answer, the proxy chooses by itself, soon and for every client; afterwards it asks again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import aiohttp
import pytest

from tests.awaiting import DEADLINE_SECONDS
from tests.proxies.clients import Answer, sent
from tests.proxies.proxy import Proxy
from tests.proxies.scene import Scene, scene

pytestmark = [pytest.mark.proxies]
CLIENTS = 50
LIMIT = aiohttp.ClientTimeout(total=2.5)
"""Far above the recipes' 0.25 s, below the 3.2 s that HAProxy's defaults take."""


class Fault(NamedTuple):
    begin: Callable[[Scene], None]
    end: Callable[[Scene], None]


FAULTS = {
    "slta was killed": Fault(lambda scene: scene.service.kill(), lambda scene: scene.service.start()),
    "slta stands still": Fault(
        lambda scene: scene.service.signal(signal.SIGSTOP), lambda scene: scene.service.signal(signal.SIGCONT)
    ),
    "its store was killed": Fault(lambda scene: scene.store.kill(), lambda scene: scene.store.start()),
    "its store stands still": Fault(lambda scene: scene.store.freeze(), lambda scene: scene.store.thaw()),
}


@pytest.fixture(scope="module")
def behind(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """With the recipe's own time limits."""
    with scene(proxy, tmp_path_factory.mktemp(proxy.name), patient=False) as made:
        yield made


@contextmanager
def during(fault: Fault, scene: Scene) -> Iterator[None]:
    fault.begin(scene)
    try:
        yield
    finally:
        fault.end(scene)


async def at_once(scene: Scene, clients: int) -> list[Answer]:
    """Each client has its answer within the limit."""
    return await asyncio.gather(*(sent(scene, "GET", "/play", timeout=LIMIT) for _ in range(clients)))


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_no_client_is_refused_or_kept_waiting(behind: Scene, fault: Fault) -> None:
    with during(fault, behind):
        answers = await at_once(behind, CLIENTS)
    assert [answer.status for answer in answers] == [200] * CLIENTS
    await until_placed(behind)


async def until_placed(scene: Scene) -> None:
    """The next session is known to slta."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not scene.knows((await sent(scene, "GET", "/play")).served[0].session):
            pass
