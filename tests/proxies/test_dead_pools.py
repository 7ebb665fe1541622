"""A pool that slta names fails: the proxy goes to another if it took no connection, and sends nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from testbed.proxies.clients import sent
from testbed.proxies.proxy import Proxy, Setup
from testbed.proxies.system import NAMES, System
from testbed.servers import free_port

pytestmark = [pytest.mark.proxies]
DEAD = NAMES[0]


@pytest.fixture(scope="module")
def dying(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Where slta and the proxy have the pool `DEAD`, nobody listens; it is the only active one."""
    port = free_port()

    def dead(setup: Setup) -> Setup:
        return replace(setup, pools={**setup.pools, DEAD: port})

    row = replace(proxy, edits=lambda setup: proxy.edits(dead(setup)), prepare=lambda setup: proxy.prepare(dead(setup)))
    with System(row, tmp_path_factory.mktemp(proxy.name)) as made:
        made.call("PUT", f"/pools/{DEAD}", {"pool_class": "small", "address": f"127.0.0.1:{port}"})
        made.call("POST", "/pools/status", {"status": "draining", "pool_ids": NAMES[1:]})
        yield made


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_a_pool_did_not_take_goes_to_one_other_pool(dying: System, method: str) -> None:
    for _ in NAMES:
        answer = await sent(dying, method, "/play", data=b"x" * 1000 if method == "POST" else None)
        assert answer.status == 200
        [served] = answer.served
        assert dying.pool_of(served.session) == DEAD != served.pool


@pytest.mark.parametrize("size", [0, 1000])
async def test_what_a_pool_may_have_done_is_not_sent_again(behind: System, size: int) -> None:
    answer = await sent(behind, "POST", "/play?breaks=", data=b"x" * size)
    assert answer.status in {502, 503}
    assert len(answer.served) == 1
