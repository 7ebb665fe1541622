"""A pool that slta names and that takes no connection: the proxy goes to another, and sends nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.proxies.clients import sent
from tests.proxies.proxy import Proxy, Setup
from tests.proxies.scene import NAMES, Scene, scene
from tests.servers import free_port

pytestmark = [pytest.mark.proxies]
DEAD = NAMES[0]


@pytest.fixture(scope="module")
def behind(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Where slta and the proxy have the pool `DEAD`, nobody listens; it is the only active one."""
    port = free_port()

    def dead(setup: Setup) -> Setup:
        return replace(setup, pools={**setup.pools, DEAD: port})

    row = replace(proxy, edits=lambda setup: proxy.edits(dead(setup)), prepare=lambda setup: proxy.prepare(dead(setup)))
    with scene(row, tmp_path_factory.mktemp(proxy.name)) as made:
        made.call("PUT", f"/pools/{DEAD}", {"pool_class": "small", "address": f"127.0.0.1:{port}"})
        made.call("POST", "/pools/status", {"status": "draining", "pool_ids": NAMES[1:]})
        yield made


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_request_goes_to_one_other_pool(behind: Scene, method: str) -> None:
    for _ in NAMES:
        answer = await sent(behind, method, "/play", data=b"x" * 1000 if method == "POST" else None)
        assert answer.status == 200
        [served] = answer.served
        assert behind.pool_of(served.session) == DEAD != served.pool
