"""With the follower of its log, slta knows the connections that the proxy has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from tests.awaiting import eventually
from tests.proxies.clients import KINDS, sent
from tests.proxies.proxy import Proxy
from tests.proxies.scene import NAMES, Scene, scene

pytestmark = [pytest.mark.proxies]


@pytest.fixture(scope="module")
def followed(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(proxy, tmp_path_factory.mktemp(proxy.name), follow=True) as made:
        yield made


@pytest.mark.parametrize("kind", KINDS)
async def test_a_session_lives_as_long_as_its_connection(followed: Scene, kind: str) -> None:
    async with AsyncExitStack() as stack:
        for _ in NAMES:
            await stack.enter_async_context(KINDS[kind](followed))
        assert (followed.active(), followed.live()) == (len(NAMES), len(NAMES))
    await eventually(lambda: (followed.active(), followed.live()) == (0, 0))


async def test_requests_to_their_end_leave_no_session(followed: Scene) -> None:
    for _ in NAMES:
        assert (await sent(followed, "GET", "/play")).status == 200
    await eventually(lambda: followed.active() == 0)


async def test_sessions_that_the_proxy_placed_while_slta_was_away_are_known_afterwards(followed: Scene) -> None:
    followed.service.kill()
    async with AsyncExitStack() as stack:
        held = [await stack.enter_async_context(KINDS["websocket"](followed)) for _ in NAMES]
        followed.service.start()
        if followed.proxy.begins:
            await eventually(lambda: all(followed.knows(served.session) for served in held))
            assert [followed.pool_of(served.session) for served in held] == [served.pool for served in held]
        else:
            assert followed.active() == 0
    if not followed.proxy.begins:
        await eventually(lambda: followed.followed().get("unseen_session_seconds_total"))
    await eventually(lambda: (followed.active(), followed.live()) == (0, 0))


async def test_a_session_that_ended_while_slta_was_away_is_completed_afterwards(followed: Scene) -> None:
    async with AsyncExitStack() as stack:
        for kind in KINDS.values():
            await stack.enter_async_context(kind(followed))
        followed.service.kill()
    followed.service.start()
    await eventually(lambda: (followed.active(), followed.live()) == (0, 0))
