"""Session types behind a proxy: those of a location, whatever a client says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testbed.awaiting import eventually
from testbed.proxies.clients import KINDS, sent
from testbed.proxies.proxy import Proxy
from testbed.proxies.system import System
from tests.proxies.conftest import BEGINNING

pytestmark = [pytest.mark.proxies]

CLAIMED = {"X-Slta-Session-Type": "frugal", "X_Slta_Session_Type": "frugal"}


@pytest.fixture(scope="module", params=[False, True], ids=["connections", "visits"])
def typed(proxy: Proxy, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The location's sessions are of a type that may use small pools alone, which are worth less."""
    folder = tmp_path_factory.mktemp(proxy.name)
    with System(
        proxy, folder, visits=request.param, follow=not request.param, lease=60, session_type="small-only"
    ) as made:
        made.define(200, policy="jlmu", session_types={"small-only": ["small"], "frugal": ["large"]})
        yield made


def assigned(typed: System) -> dict[str, int]:
    """Sessions placed so far by type: a session may have ended before it can be asked about."""
    return {one["name"]: one["assigned"] for one in typed.call("GET", "/state")["session_types"]}


async def test_a_location_names_its_type_and_a_client_cannot(typed: System, proxy: Proxy) -> None:
    before = assigned(typed)
    for _ in range(4):
        _, _, [served] = await sent(typed, "GET", "/play", cookies=proxy.visitor(), headers=CLAIMED)
        assert served.pool.startswith("small-")
        assert [name for name in served.headers if name.replace("_", "-").startswith("x-slta-")] == []
    assert assigned(typed) == before | {"small-only": before["small-only"] + 4}


@pytest.mark.parametrize("typed", [False], ids=["connections"], indirect=True)
@pytest.mark.parametrize("proxy", BEGINNING, indirect=True)
async def test_a_session_that_the_proxy_placed_itself_is_reported_with_its_type(typed: System, proxy: Proxy) -> None:
    typed.define(200, policy="jlmu", session_types={"small-only": ["small", "large"], "frugal": ["large"]})
    typed.service.kill()
    async with KINDS["websocket"](typed) as served:
        typed.service.start()
        await eventually(lambda: typed.knows(served.session))
        assert typed.call("GET", f"/sessions/{served.session}")["session_type"] == "small-only"
