"""Requests as browsers send them, through a proxy: each is placed, none is changed or refused on the way."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import Any, NamedTuple

import pytest

from testbed.proxies.clients import sent
from testbed.proxies.proxy import Proxy
from testbed.proxies.system import System

pytestmark = [pytest.mark.proxies]


class Case(NamedTuple):
    """A request: `target` below /play, and what aiohttp is to send."""

    method: str
    target: str
    options: dict[str, Any]


PREFLIGHT = {"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}
CORPUS = {
    "cookies of 8 kB": Case("GET", "/a", {"headers": {"Cookie": "; ".join(f"c{k}={'x' * 500}" for k in range(16))}}),
    "an escaped slash": Case("GET", "/a%2Fb/c", {}),
    "a query": Case("GET", "/a?a=b&c=%26%2E%7e+//x/../%2C", {}),
    "a session id in the query": Case("GET", "/a?session_id=..", {}),
    "basic authentication": Case("GET", "/a", {"headers": {"Authorization": f"Basic {b64encode(b'a:b').decode()}"}}),
    "a key of its own": Case("GET", "/a", {"headers": {"Authorization": "Bearer wrong"}}),
    "a form": Case("POST", "/a", {"data": {"a": "b" * 1000}}),
    "a file of 100 kB": Case("POST", "/a", {"data": {"file": BytesIO(b"x" * 100_000)}}),
    "a chunked body": Case("PUT", "/a", {"data": BytesIO(b"x" * 1000), "chunked": True, "expect100": True}),
    "a cross-site request": Case(
        "POST", "/a", {"headers": {"Origin": "https://b.example", "Sec-Fetch-Site": "cross-site"}}
    ),
    "another representation": Case("GET", "/a", {"headers": {"Accept": "text/html;q=0.9", "Content-Type": "text/x"}}),
    "a deletion": Case("DELETE", "/a", {}),
    "a head": Case("HEAD", "/a", {}),
}
SPELLINGS = [
    *("/%70lay", "/%70%6C%61y", "//play", "/./play", "/x/../play", "/x/%2E%2e/play", "/../play"),
    *("/play/%2E%2E/play", "/play/%2F..%2f"),
]
"""Of /play."""
CLAIMED = {
    "hyphens": {"X-Slta-Pool": "large-1", "X-Slta-Code": "no_capacity", "X-Session-Id": "mine"},
    "underscores": {"X_Slta_Pool": "large-1", "x_slta_code": "no_capacity", "X_Session_Id": "mine"},
    "both": {"X_Slta-Pool": "large-1", "X-Slta_Code": "no_capacity", "X-Session_Id": "mine"},
}


@pytest.mark.parametrize("case", CORPUS.values(), ids=CORPUS)
async def test_a_browsers_request_is_placed_and_reaches_its_pool_unchanged(behind: System, case: Case) -> None:
    status, header, [served] = await sent(behind, case.method, f"/play{case.target}", **case.options)
    assert status == 200
    assert (served.method, served.target.partition("tag=")[0][:-1]) == (case.method, f"/play{case.target}")
    assert header["x-pool"] == served.pool == behind.pool_of(served.session)
    given = {name.lower(): value for name, value in case.options.get("headers", {}).items()}
    assert given.items() <= served.headers.items()


@pytest.mark.parametrize("kind", ["behind", "visited"])
@pytest.mark.parametrize("path", SPELLINGS)
async def test_another_spelling_of_the_path_is_placed_or_refused(
    request: pytest.FixtureRequest, proxy: Proxy, kind: str, path: str
) -> None:
    system: System = request.getfixturevalue(kind)
    status, _, served = await sent(system, "GET", path, cookies=proxy.visitor())
    assert [one.pool for one in served] == [system.pool_of(one.session) for one in served]
    assert served or 400 <= status < 500


@pytest.mark.parametrize("path", ["/asset.css", "/health", "/"])
async def test_a_location_that_begins_no_session_is_not_asked_about(behind: System, path: str) -> None:
    before = behind.active()
    status, _, [_] = await sent(behind, "GET", path)
    assert (status, behind.active()) == (200, before)


async def test_a_preflight_is_not_asked_about(behind: System) -> None:
    before = behind.active()
    status, _, [_] = await sent(behind, "OPTIONS", "/play", headers=PREFLIGHT)
    assert (status, behind.active()) == (200, before)


@pytest.mark.parametrize("claimed", CLAIMED.values(), ids=CLAIMED)
@pytest.mark.parametrize("kind", ["behind", "visited"])
@pytest.mark.parametrize("path", ["/play", "/asset"])
async def test_no_header_of_a_client_can_be_taken_for_one_of_slta(
    request: pytest.FixtureRequest, proxy: Proxy, kind: str, path: str, claimed: dict[str, str]
) -> None:
    system: System = request.getfixturevalue(kind)
    address = f"127.0.0.1:{system.pools.ports['large-1']}"
    claimed = {"X-Slta-Endpoint": address, "X-Slta-Session-Type": "unheard-of", **claimed}
    [served] = (await sent(system, "GET", path, cookies=proxy.visitor(), headers=claimed)).served
    if path == "/play":
        assert served.pool == system.pool_of(served.session)
    names = [name.replace("_", "-") for name in served.headers]
    assert [name for name in names if name.startswith("x-slta-")] == []
    assert names.count("x-session-id") <= 1
    assert "mine" not in served.headers.values()


@pytest.mark.parametrize("kind", ["behind", "visited"])
async def test_a_client_cannot_keep_the_id_from_the_pool_by_its_connection_header(
    request: pytest.FixtureRequest, proxy: Proxy, kind: str
) -> None:
    system: System = request.getfixturevalue(kind)
    headers = {"Connection": "keep-alive, x-session-ID"}
    [served] = (await sent(system, "GET", "/play", cookies=proxy.visitor(), headers=headers)).served
    assert served.pool == system.pool_of(served.session)


@pytest.mark.parametrize("status", [401, 403, 404, 500, 502, 503])
async def test_an_error_of_the_pool_is_not_mistaken_for_one_of_slta(behind: System, status: int) -> None:
    told, header, [served] = await sent(behind, "GET", f"/play?status={status}")
    assert (told, header["x-pool"]) == (status, served.pool)


async def test_a_redirect_inside_the_proxy_stays_in_its_session(behind: System) -> None:
    before = behind.active()
    answer = await sent(behind, "GET", "/play?again=/play/again")
    assert answer.status == 200
    assert len({(served.session, served.pool) for served in answer.served}) == 1
    assert behind.active() == before + 1
