"""An id that a client claims is none: neither of a session nor of a visit."""

from __future__ import annotations

import pytest

from tests.proxies.clients import browser, sent
from tests.proxies.scene import Scene

pytestmark = [pytest.mark.proxies]


async def test_it_reaches_no_pool_where_no_session_begins(behind: Scene) -> None:
    [served] = (await sent(behind, "GET", "/asset", headers={"X-Session-Id": "mine"})).served
    assert served.session != "mine"


async def test_it_is_not_the_id_of_a_visit(visited: Scene) -> None:
    [served] = (await sent(visited, "GET", "/play", headers={"X-Session-Id": "mine"})).served
    assert served.session != "mine"
    assert not visited.knows("mine")


async def test_a_cookie_that_was_altered_is_not_taken(visited: Scene) -> None:
    cookies = visited.proxy.visitor() or {"slta_visit": f"mine.{'0' * 64}"}
    altered = {name: f"{value[:-9]}{'A' if value[-9] != 'A' else 'B'}{value[-8:]}" for name, value in cookies.items()}
    async with browser(cookies=cookies) as client:
        [mine] = (await sent(visited, "GET", "/play", client)).served
    async with browser(cookies=altered) as client:
        [served] = (await sent(visited, "GET", "/play", client)).served
    assert served.session not in {"mine", altered["slta_visit"], altered["slta_visit"].partition(".")[0]}
    assert served.session != mine.session
