"""A full fleet refuses, unless the recipe's switch `overflow` is on; after any other refusal the proxy chooses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from testbed.proxies.clients import Answer, sent
from testbed.proxies.proxy import Proxy
from testbed.proxies.system import NAMES, OUTSIDE, System

pytestmark = [pytest.mark.proxies]


CAPACITY = 50
"""Of a pool: few enough to be filled by one call."""


@pytest.fixture(scope="module")
def behind(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """`overflow` is off."""
    with System(proxy, tmp_path_factory.mktemp(proxy.name), capacity=CAPACITY) as made:
        yield made


@pytest.fixture(scope="module")
def overflowing(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """`overflow` is on."""
    with System(proxy, tmp_path_factory.mktemp(proxy.name), capacity=CAPACITY, overflow=True) as made:
        yield made


def set_status(system: System, status: str) -> None:
    system.call("POST", "/pools/status", {"status": status, "pool_ids": NAMES})


def fill(system: System) -> None:
    assigns = [{"assign": {"session_id": f"filling-{k}", "lease_seconds": 0}} for k in range(1000)]
    outcomes = system.call("POST", "/operations", {"operations": assigns})["outcomes"]
    assert outcomes[-1]["body"]["code"] == "no_capacity"


def is_refused(answer: Answer) -> bool:
    """No pool had the request, and the client may ask again."""
    return (answer.status, answer.header.get("retry-after"), answer.served) == (503, "1", [])


async def chosen(system: System) -> set[str]:
    """Pools of requests that are all answered."""
    answers = [await sent(system, "GET", "/play") for _ in range(2 * len(NAMES))]
    assert {answer.status for answer in answers} == {200}
    return {answer.served[0].pool for answer in answers}


async def test_a_pool_that_the_proxy_does_not_have_is_never_reached(behind: System) -> None:
    behind.join([OUTSIDE])
    set_status(behind, "draining")
    pools = await chosen(behind)
    behind.call("POST", f"/pools/{OUTSIDE}/drain")
    set_status(behind, "active")
    assert pools <= set(NAMES)
    assert behind.pool(OUTSIDE)["occupancy"] == 2 * len(NAMES)


async def test_a_fleet_without_active_pools_refuses(behind: System) -> None:
    set_status(behind, "draining")
    answer = await sent(behind, "GET", "/play")
    set_status(behind, "active")
    assert is_refused(answer)


async def test_a_full_fleet_refuses(behind: System) -> None:
    fill(behind)
    assert is_refused(await sent(behind, "GET", "/play"))


async def test_with_overflow_the_proxy_chooses_for_a_full_fleet(overflowing: System) -> None:
    fill(overflowing)
    assert await chosen(overflowing) <= set(NAMES)


async def test_with_overflow_the_proxy_chooses_for_a_fleet_without_active_pools(overflowing: System) -> None:
    set_status(overflowing, "draining")
    assert await chosen(overflowing) <= set(NAMES)


@pytest.mark.parametrize("mistake", [{"key": "wrong"}, {"fleet": "unknown"}], ids=str)
async def test_with_a_wrong_key_or_fleet_the_proxy_chooses(
    proxy: Proxy, tmp_path_factory: pytest.TempPathFactory, mistake: dict[str, Any]
) -> None:
    with System(proxy, tmp_path_factory.mktemp(proxy.name), **mistake) as mistaken:
        assert await chosen(mistaken) <= set(NAMES)
        assert mistaken.active() == 0
