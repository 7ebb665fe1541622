"""With the follower of its log, slta knows the connections that the proxy has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from testbed.awaiting import eventually
from testbed.proxies.clients import KINDS, sent
from testbed.proxies.proxy import Proxy
from testbed.proxies.system import CLASSES, NAMES, POOLS_PER_CLASS, System

pytestmark = [pytest.mark.proxies]


@pytest.fixture(scope="module")
def followed(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(proxy, tmp_path_factory.mktemp(proxy.name), follow=True) as made:
        yield made


@pytest.mark.parametrize("kind", KINDS)
async def test_a_session_lives_as_long_as_its_connection(followed: System, kind: str) -> None:
    async with AsyncExitStack() as stack:
        for _ in NAMES:
            await stack.enter_async_context(KINDS[kind](followed))
        assert (followed.active(), followed.live()) == (len(NAMES), len(NAMES))
    await eventually(lambda: (followed.active(), followed.live()) == (0, 0))


async def test_requests_to_their_end_leave_no_session(followed: System) -> None:
    for _ in NAMES:
        assert (await sent(followed, "GET", "/play")).status == 200
    await eventually(lambda: followed.active() == 0)


async def test_sessions_that_the_proxy_placed_while_slta_was_away_are_known_afterwards(followed: System) -> None:
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


async def test_a_session_that_ended_while_slta_was_away_is_completed_afterwards(followed: System) -> None:
    async with AsyncExitStack() as stack:
        for kind in KINDS.values():
            await stack.enter_async_context(kind(followed))
        followed.service.kill()
    followed.service.start()
    await eventually(lambda: (followed.active(), followed.live()) == (0, 0))


async def test_evaluate_reads_the_log_as_the_sessions_that_the_pools_had(followed: System) -> None:
    from slta_planning.evaluate.pool_numbers import PoolNumbers
    from slta_planning.evaluate.reading import Selection, read_log

    async with AsyncExitStack() as stack:
        for _ in NAMES:
            await stack.enter_async_context(KINDS["websocket"](followed))
    await eventually(lambda: (followed.active(), followed.live()) == (0, 0))
    log = followed.proxy.source(followed.setup)[-1]
    found = read_log(Path(log), Selection(None, None), PoolNumbers(dict.fromkeys(CLASSES, POOLS_PER_CLASS)))
    served = {one.session: one.pool for tag in followed.pools.served.values() for one in tag if one.session}
    if followed.proxy.name == "envoy":  # its recipe writes no time
        assert found.lines.bad_lines[0].endswith("no time before slta1: let the proxy write one")
        return
    pools = [f"{name}-{index + 1}" for name, index in (found.numbers._seen[pool] for pool in found.pools)]
    assert set(found.lines.unknown_pools) <= {"own_choice"}  # of nginx without slta
    assert not Counter(pools) - Counter(served.values())
    assert len(pools) + found.lines.unknown_pool == len(served)
    assert (found.format.name, found.lines.bad, found.lines.never_ended) == ("slta1", 0, 0)
