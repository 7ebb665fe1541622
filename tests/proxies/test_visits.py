"""A visit is a session: all requests with one verified id, until its lease after the last of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest

from testbed.awaiting import eventually
from testbed.proxies.clients import browser, sent, url
from testbed.proxies.proxy import Proxy
from testbed.proxies.system import System

pytestmark = [pytest.mark.proxies]
LEASE_SECONDS = 3
REQUEST_SECONDS = 1.8
"""The last of ten requests, three at a time, begin when a lease of the first would be over."""


@pytest.fixture(scope="module")
def visited(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Visits are sessions."""
    with System(proxy, tmp_path_factory.mktemp(proxy.name), visits=True, lease=LEASE_SECONDS) as made:
        yield made


def visitor(system: System) -> aiohttp.ClientSession:
    """A browser with the cookies that the application sets, if the proxy does not."""
    client = browser()
    client.cookie_jar.update_cookies(system.proxy.visitor(), url(system, "/"))
    return client


def cookie(client: aiohttp.ClientSession) -> str:
    return {morsel.key: morsel.value for morsel in client.cookie_jar}.get("slta_visit", "")


async def test_ten_requests_three_at_a_time_are_one_session_that_lives_for_its_lease(visited: System) -> None:
    before = visited.active()
    async with visitor(visited) as client:
        first = await sent(visited, "GET", "/play", client)
        [session] = {served.session for served in first.served}
        three = asyncio.Semaphore(3)

        async def request() -> tuple[str, str]:
            async with three:
                answer = await sent(visited, "GET", f"/play?seconds={REQUEST_SECONDS}", client)
                return answer.served[0].session, answer.served[0].pool

        used = await asyncio.gather(*(request() for _ in range(9)))
    live = visited.call("GET", f"/sessions/{session}")
    assert {*used} == {(session, live["pool_id"])}
    assert live["lease_seconds_left"] <= LEASE_SECONDS
    assert visited.active() == before + 1
    await eventually(lambda: not visited.knows(session))


async def test_a_visit_that_slta_has_ended_is_answered_and_gets_another_cookie(visited: System) -> None:
    async with visitor(visited) as client:
        first = await sent(visited, "GET", "/play", client)
        visited.call("POST", "/complete", {"session_id": first.served[0].session})
        before = cookie(client)
        assert (await sent(visited, "GET", "/play", client)).status == 200
        assert cookie(client) != before
        assert (await sent(visited, "GET", "/play", client)).status == 200


async def test_an_id_that_was_not_signed_is_no_visit(visited: System) -> None:
    async with visitor(visited) as client:
        [mine] = (await sent(visited, "GET", "/play", client)).served
        cookies = {morsel.key: morsel.value for morsel in client.cookie_jar}
    forged = {name: value.replace(mine.session, "mine") for name, value in cookies.items()}
    async with browser(cookies=forged) as client:
        [served] = (await sent(visited, "GET", "/play", client)).served
    assert served.session != "mine"
    assert not visited.knows("mine")


async def test_a_cookie_that_was_altered_is_not_taken(visited: System) -> None:
    cookies = visited.proxy.visitor() or {"slta_visit": f"mine.{'0' * 64}"}
    altered = {name: f"{value[:-9]}{'A' if value[-9] != 'A' else 'B'}{value[-8:]}" for name, value in cookies.items()}
    async with browser(cookies=cookies) as client:
        [mine] = (await sent(visited, "GET", "/play", client)).served
    async with browser(cookies=altered) as client:
        [served] = (await sent(visited, "GET", "/play", client)).served
    assert served.session not in {"mine", altered["slta_visit"], altered["slta_visit"].partition(".")[0]}
    assert served.session != mine.session


async def test_a_visit_stays_on_one_pool_while_slta_is_away(visited: System) -> None:
    async with visitor(visited) as client:
        await sent(visited, "GET", "/play", client)
        visited.service.kill()
        used = [(await sent(visited, "GET", "/play", client)).served[0].pool for _ in range(12)]
    visited.service.start()
    assert len({*used}) == 1
