"""The placement route: whatever a browser sent, the proxy's question is answered, in headers."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import pytest
from redis import Redis

from slta.api import fast_path as direct_module
from slta.auth.keys import Access
from slta.models.request_record import PLACE_ROUTE
from slta.server.framing import RequestReader
from testbed.in_process import TINY, service_in_process
from tests.api.placements import KEY, ask, placed
from tests.api.raw_requests import Talk, call, last
from tests.api.served import ADMIN_ENTRY, Served, both_ways, without_dates

CHUNKS = b"5\r\nhello\r\n2;x=y\r\n!!\r\n0\r\nX-Sum: 1\r\n\r\n"
FORM = {"content_type": "application/x-www-form-urlencoded", "origin": "https://elsewhere.example"}
MULTIPART = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n\0\xff\r\n--x--\r\n'

BROWSERS: dict[str, bytes] = {
    "a page": ask(),
    "8 kB of cookies": ask(cookie="c=" + "x" * 8190),
    "a URL of 8 KiB": ask(tail="/" + "a" * 8191),
    "an escaped slash": ask(tail="/a%2Fb%2fc"),
    "an escaped slash at once": ask(tail="%2Fa"),
    "escapes that are none": ask(tail="/%zz/%"),
    "escapes that are not UTF-8": ask(tail="/%ff%fe%00"),
    "a query": ask(tail="?a=b&a=c&;=%00"),
    "a path and a query": ask(tail="/a/b.html?x=/../y"),
    "a slash at the end": ask(tail="/"),
    "slashes and dots": ask(tail="//a/../.././b;c=d"),
    "characters that a URL should escape": ask(tail='/a"<>^`{|}\\'),
    "a preflight": ask("OPTIONS", access_control_request_method="PUT", origin="https://elsewhere.example"),
    "a form": ask("POST", body=b"a=b&c=d", **FORM),
    "a form of parts": ask("POST", body=MULTIPART, content_type="multipart/form-data; boundary=x"),
    "a form without a length of its own": ask("POST", content_length="0", **FORM),
    "a chunked upload": ask("PUT", transfer_encoding="chunked") + CHUNKS,
    "a compressed body": ask("PATCH", body=b"\x1f\x8b", content_encoding="gzip", content_type="application/json"),
    "a body of JSON": ask("POST", body=b'{"session_id": 7}', content_type="application/json"),
    "a large body": ask("POST", body=b"x" * 3_000_000),
    "a body of a GET": ask(body=b"x"),
    "DELETE": ask("DELETE"),
    "a method of WebDAV": ask("PROPFIND", depth="1"),
    "an origin of another site": ask("POST", body=b"{}", origin="null", sec_fetch_site="cross-site"),
    "no Accept that we have": ask(accept="image/png;q=1, */*;q=0"),
    "a range": ask(range="bytes=0-1", if_none_match='"x"'),
    "another host": ask(host="[2001:db8::1]:8443", x_forwarded_host="a, b"),
    "an empty host": ask(host=" "),
    "leave asked with the body": ask("PUT", body=b"xx", expect="100-continue"),
    "cookies in two headers": ask(cookie="a=b\r\ncookie: c=d"),
    "a WebSocket": ask(connection="Upgrade", upgrade="websocket", sec_websocket_version="13"),
    "an upgrade of a request with a body": ask("POST", body=b"x", connection="Upgrade", upgrade="h2c"),
}


LEAVE_ASKED = "leave asked with the body"
"""The one that does not take the fast path."""


async def test_what_browsers_send_is_placed_alike_and_keeps_the_connection_usable(server: str, redis: Redis) -> None:
    then_read = last(call("f/sessions/a", method="GET", authorization=KEY))
    key = f"\r\nauthorization: {KEY}\r\n".encode()
    talks: list[Talk] = [(request.replace(b"\r\n", key, 1), then_read) for request in BROWSERS.values()]
    directly, by_fastapi = await both_ways(talks, server, redis, access=Access({ADMIN_ENTRY.id: ADMIN_ENTRY}))
    for what, said, other in zip(BROWSERS, directly, by_fastapi, strict=True):
        assert said == other, what
        first, _, then = said.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"").partition(b"\r\n\r\n")
        assert first.startswith(b"HTTP/1.1 200 OK\r\n"), (what, said)
        assert b"content-length: 0\r\n" in first, what
        assert then.startswith(b"HTTP/1.1 200 OK\r\n"), (what, said)


async def test_the_fast_path_takes_all_but_those_asking_leave(here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    respond = direct_module.FastPath.respond

    async def noted(self: Any, asked: Any, *rest: Any) -> Any:
        taken.append(asked.route.path)
        return await respond(self, asked, *rest)

    monkeypatch.setattr(direct_module.FastPath, "respond", noted)
    await here.say(*(request for what, request in BROWSERS.items() if what != LEAVE_ASKED), last(ask()))
    assert taken == [PLACE_ROUTE] * len(BROWSERS)
    await here.say(last(BROWSERS[LEAVE_ASKED]))
    assert taken == [PLACE_ROUTE] * len(BROWSERS)


async def test_an_answer_has_the_place_in_its_headers(here: Served) -> None:
    said = without_dates(await here.say(last(ask())))
    assert said == [
        b"HTTP/1.1 200 OK",
        b"x-slta-pool: large-1",
        b"x-slta-session: a",
        b"content-length: 0",
        b"cache-control: no-store",
        b"content-security-policy: default-src 'none'; frame-ancestors 'none'",
        b"x-content-type-options: nosniff",
        b"referrer-policy: no-referrer",
        b"x-request-id: r-1",
        b"connection: close",
        b"",
        b"",
    ]


async def test_a_head_request_gets_the_headers_alone_of_a_refusal_too(server: str, redis: Redis) -> None:
    talk = (ask("HEAD", x_session_id=""), last(ask("HEAD")))
    [directly], [by_fastapi] = await both_ways([talk], server, redis)
    assert directly == by_fastapi
    assert directly.count(b"HTTP/1.1 ") == 2
    assert b"no_session_id\r\n" in directly
    assert b"{" not in directly


async def test_blanks_around_a_header_are_not_of_its_value(here: Served) -> None:
    headers = await placed(here, x_session_id="\t v1 \t", x_slta_lease="60 ")
    assert headers["x-slta-session"] == "v1"


@pytest.mark.parametrize("body", ["length", "chunked"])
async def test_a_body_is_not_awaited_and_never_kept(body: str, here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [0]
    on_body = RequestReader.on_body

    def noted(self: RequestReader, data: bytes) -> None:
        on_body(self, data)
        kept[0] = max(kept[0], len(self.exchange.body))

    begin = {"length": ask("PUT", content_length="900000"), "chunked": ask("PUT", transfer_encoding="chunked")}[body]
    rest = {"length": b"x" * 899_999, "chunked": b"dbb9f\r\n" + b"x" * 899_999 + b"\r\n0\r\n\r\n"}[body]
    monkeypatch.setattr(RequestReader, "on_body", noted)
    reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
    writer.write(begin + (b"x" if body == "length" else b""))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    writer.write(rest + last(ask()))
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()
    assert kept == [0]


# Sessions


def hashed(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


IDS: dict[str, tuple[str, str]] = {
    "a name": ("cart_7:a.b-C", "cart_7:a.b-C"),
    "two dots": ("..", hashed(b"..")),
    "a UUID in braces": ("{123e4567}", hashed(b"{123e4567}")),
    "a signed cookie": ("s%3Ax.y/z==", hashed(b"s%3Ax.y/z==")),
    "one character too long": ("x" * 129, hashed(b"x" * 129)),
    "bytes that are not ASCII": ("caf\xc3\xa9", hashed(b"caf\xc3\xa9")),
    "bytes that are not UTF-8": ("caf\xe9", hashed(b"caf\xe9")),
    "a list": ("a, b", hashed(b"a, b")),
}


async def test_an_id_that_is_no_name_is_replaced_by_its_hash(here: Served) -> None:
    for what, (sent, used) in IDS.items():
        assert (await placed(here, x_session_id=sent))["x-slta-session"] == used, what


async def test_a_session_that_is_asked_for_again_is_on_the_same_pool(here: Served) -> None:
    pools = {(await placed(here))["x-slta-pool"] for _ in range(10)}
    assert len(pools) == 1


@pytest.mark.parametrize(("sent", "lease"), [("", 21600), ("0", 0), ("60", 60), ("0.5", 0.5), ("315360000", 315360000)])
async def test_the_lease_is_that_of_the_header(sent: str, lease: float, here: Served) -> None:
    await placed(here, x_slta_lease=sent)
    said = await here.say(last(call("f/assign", {"session_id": "a"})))
    assert json.loads(said.partition(b"\r\n\r\n")[2])["lease_seconds"] == lease


async def test_the_answer_for_a_pool_with_an_address_names_it(here: Served) -> None:
    assert "x-slta-endpoint" not in await placed(here)
    for pool in ("large-1", "large-2"):
        address = {"pool_class": "large", "address": f"10.0.0.{pool[-1]}:8080"}
        await here.say(last(call(f"f/pools/{pool}", address, method="PUT")))
    headers = await placed(here)
    assert headers["x-slta-endpoint"] == f"10.0.0.{headers['x-slta-pool'][-1]}:8080"


@pytest.mark.parametrize(("then", "left"), [("", 60), ("90", 90)])
async def test_each_question_of_a_visit_renews_its_lease(then: str, left: float, server: str, redis: Redis) -> None:
    async with service_in_process(server) as service:
        service.draws.waiting = [0.0] * 2
        await service.api.put("/v1/fleets/tiny", json=TINY)
        await service.api.get("/v1/fleets/tiny/place", headers={"X-Session-Id": "a", "X-Slta-Lease": "60"})
        await service.seconds_pass("tiny", 40)
        await service.api.get("/v1/fleets/tiny/place", headers={"X-Session-Id": "a", "X-Slta-Lease": then})
        session = (await service.api.get("/v1/fleets/tiny/sessions/a")).json()
    assert session["lease_seconds_left"] == pytest.approx(left, abs=1)
