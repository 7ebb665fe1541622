"""The placement route: whatever a browser sent, the proxy's question is answered, in headers; a refusal is 503."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from typing import Any, NamedTuple
from unittest.mock import AsyncMock

import pytest
from redis import Redis

from slta.api import fast_path as direct_module
from slta.api.http.problems import PROBLEM_JSON
from slta.api.routes import place as place_module
from slta.auth.keys import Access, generate_key
from slta.auth.rate_limit import Rate
from slta.metrics import Metrics
from slta.models import errors
from slta.models.request_record import PLACE_ROUTE, RequestRecord
from slta.server import http_limits
from slta.store import Store
from slta.store.sessions import Sessions
from tests.api.conftest import FLEET, Api, NewClient, refusal
from tests.api.served import Served, without_dates
from tests.api.test_fast_path import ADMIN, ADMIN_ENTRY, call, last, one_way
from tests.faults import Proxy
from tests.in_process import TINY, service_in_process

CHROMIUM = {
    "host": "shop.example",
    "connection": "keep-alive",
    "cache-control": "max-age=0",
    "sec-ch-ua": '"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
    "sec-ch-ua-mobile": "?0",
    "sec-ch-ua-platform": '"Linux"',
    "upgrade-insecure-requests": "1",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
    "Safari/537.36",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "navigate",
    "sec-fetch-user": "?1",
    "sec-fetch-dest": "document",
    "referer": "https://elsewhere.example/",
    "accept-encoding": "gzip, deflate, br, zstd",
    "accept-language": "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7",
    "cookie": "theme=dark; _ga=GA1.1.1234567890.1700000000",
}
"""Headers of a page that a link of another site opens."""


def ask(method: str = "GET", tail: str = "", body: bytes | str = b"", **headers: str) -> bytes:
    """A proxy's question. `headers` by name with `_` for `-`; '' leaves one out that would be there."""
    sent = body.encode() if isinstance(body, str) else body
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = (
        CHROMIUM | {"x-session-id": "a", "x-request-id": "r-1"} | ({"content-length": str(len(sent))} if sent else {})
    )
    shown = [f"{name}: {value}" for name, value in (lines | given).items() if value]
    return "\r\n".join([f"{method} /v1/fleets/f/place{tail} HTTP/1.1", *shown, "", ""]).encode("latin-1") + sent


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
}


LEAVE_ASKED = "leave asked with the body"
"""The one that does not take the fast path."""


@pytest.mark.parametrize("fast_path", [True, False], ids=["fast path", "ASGI"])
async def test_whatever_a_browser_sent_is_placed_and_the_connection_stays_usable(
    fast_path: bool, server: str, redis: Redis
) -> None:
    async with one_way(server, redis, fast_path=fast_path, access=Access.open()) as here:
        for what, request in BROWSERS.items():
            said = await here.say(request, last(call("f/sessions/a", method="GET")))
            first, _, then = said.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"").partition(b"\r\n\r\n")
            assert first.startswith(b"HTTP/1.1 200 OK\r\n"), (what, said)
            assert b"content-length: 0\r\n" in first, what
            assert then.startswith(b"HTTP/1.1 200 OK\r\n"), (what, said)


async def test_the_fast_path_takes_all_but_those_that_ask_for_leave(
    server: str, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    respond = direct_module.FastPath.respond

    async def noted(self: Any, asked: Any, *rest: Any) -> Any:
        taken.append(asked.route.path)
        return await respond(self, asked, *rest)

    monkeypatch.setattr(direct_module.FastPath, "respond", noted)
    async with one_way(server, redis, fast_path=True, access=Access.open()) as here:
        await here.say(*(request for what, request in BROWSERS.items() if what != LEAVE_ASKED), last(ask()))
        assert taken == [PLACE_ROUTE] * len(BROWSERS)
        await here.say(last(BROWSERS[LEAVE_ASKED]))
        assert taken == [PLACE_ROUTE] * len(BROWSERS)


async def test_both_ways_answer_a_browser_with_the_same_bytes(server: str, redis: Redis) -> None:
    said = []
    for fast_path in (True, False):
        async with one_way(server, redis, fast_path=fast_path, access=Access.open()) as here:
            requests = {**BROWSERS, "HEAD": ask("HEAD"), "HEAD refused": ask("HEAD", x_session_id="")}
            answers = [(what, await here.say(last(request))) for what, request in requests.items()]
            said.append([(what, without_dates(answer)) for what, answer in answers])
    assert said[0] == said[1]


async def test_a_question_about_a_websocket_is_answered_and_ends_the_connection(server: str, redis: Redis) -> None:
    said = []
    for fast_path in (True, False):
        async with one_way(server, redis, fast_path=fast_path, access=Access.open()) as here:
            request = ask(connection="Upgrade", upgrade="websocket", sec_websocket_version="13")
            said.append(without_dates(await here.say(request)))
    assert said[0] == said[1]
    assert said[0][0] == b"HTTP/1.1 200 OK"
    assert b"connection: close" in said[0]


async def test_an_answer_has_the_place_in_its_headers(server: str, redis: Redis) -> None:
    async with one_way(server, redis, fast_path=True, access=Access.open()) as here:
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
    async with one_way(server, redis, fast_path=True, access=Access.open()) as here:
        said = await here.say(ask("HEAD", x_session_id=""), last(ask("HEAD")))
    assert said.count(b"HTTP/1.1 ") == 2
    assert b"no_session_id\r\n" in said
    assert b"{" not in said


@pytest.mark.parametrize("body", ["length", "chunked"])
async def test_a_body_is_not_waited_for_and_none_of_it_is_kept(
    body: str, server: str, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [0]
    on_body = http_limits.LimitedProtocol.on_body

    def noted(self: http_limits.LimitedProtocol, data: bytes) -> None:
        on_body(self, data)
        kept[0] = max(kept[0], len(self.cycle.body))

    begin = {"length": ask("PUT", content_length="900000"), "chunked": ask("PUT", transfer_encoding="chunked")}[body]
    rest = {"length": b"x" * 899_999, "chunked": b"dbb9f\r\n" + b"x" * 899_999 + b"\r\n0\r\n\r\n"}[body]
    async with one_way(server, redis, fast_path=True, access=Access.open()) as here:
        monkeypatch.setattr(http_limits.LimitedProtocol, "on_body", noted)
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(begin + (b"x" if body == "length" else b""))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.write(rest + last(ask()))
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()
    assert kept == [0]


# Sessions


async def placed(here: Served, **headers: str) -> dict[str, str]:
    """The headers of an answer."""
    said = await here.say(last(ask(**headers)))
    lines = said.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name: value for name, _, value in (line.partition(": ") for line in lines)}


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


async def test_an_id_that_is_no_name_is_replaced_by_its_hash(server: str, redis: Redis) -> None:
    async with one_way(server, redis, fast_path=True, access=Access.open()) as here:
        for what, (sent, used) in IDS.items():
            assert (await placed(here, x_session_id=sent))["x-slta-session"] == used, what


async def test_a_session_that_is_asked_for_again_is_on_the_same_pool(server: str, redis: Redis) -> None:
    async with one_way(server, redis, fast_path=True, access=Access.open()) as here:
        pools = {(await placed(here))["x-slta-pool"] for _ in range(10)}
    assert len(pools) == 1


@pytest.mark.parametrize(("sent", "lease"), [("", 21600), ("0", 0), ("60", 60), ("0.5", 0.5), ("315360000", 315360000)])
async def test_the_lease_is_that_of_the_header(sent: str, lease: float, server: str, redis: Redis) -> None:
    async with one_way(server, redis, fast_path=True, access=Access.open()) as here:
        await placed(here, x_slta_lease=sent)
        said = await here.say(last(call("f/assign", {"session_id": "a"})))
    assert json.loads(said.partition(b"\r\n\r\n")[2])["lease_seconds"] == lease


async def test_the_answer_for_a_pool_with_an_address_names_it(server: str, redis: Redis) -> None:
    async with one_way(server, redis, fast_path=True, access=Access.open()) as here:
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


# Refusals

READING, READING_ENTRY = generate_key(["read"])
ELSEWHERE, ELSEWHERE_ENTRY = generate_key(["assign"], ["g"])
KEYS = Access({entry.id: entry for entry in (ADMIN_ENTRY, READING_ENTRY, ELSEWHERE_ENTRY)})
KEY = f"Bearer {ADMIN}"
SMALL = {**FLEET["classes"][0], "capacity": 1, "pools": 1}
FLEETS: dict[str, dict[str, Any]] = {
    "full": {"classes": [SMALL]},
    "bare": {"classes": [{**SMALL, "pools": 0}]},
    "watched": {**FLEET, "policy": "observe"},
}
"""Besides `f`, in which the session `ended` has ended."""


class Refused(NamedTuple):
    """A question, and the code that it is refused with."""

    request: bytes
    code: str
    asks_again: bool = False
    """Whether the answer says when to ask again."""
    error: Exception | None = None
    """What the store raises."""
    waiting: float = 0
    """Seconds that the store says an operation waits."""


def of(fleet: str, tail: str = "", **headers: str) -> bytes:
    request = ask(tail=tail, **{"authorization": KEY, **headers})
    return request.replace(b"/f/place", f"/{fleet}/place".encode(), 1)


REFUSED: dict[str, Refused] = {
    "no key": Refused(ask(), "unauthenticated"),
    "a browser's key": Refused(ask(authorization="Basic YTpi"), "unauthenticated"),
    "another key": Refused(ask(authorization=f"{KEY}x"), "unauthenticated"),
    "two keys": Refused(ask(authorization=f"{KEY}\r\nauthorization: Basic YTpi"), "repeated_authorization"),
    "no scope": Refused(ask(authorization=f"Bearer {READING}"), "insufficient_scope"),
    "a key of another fleet": Refused(ask(authorization=f"Bearer {ELSEWHERE}"), "unknown_fleet"),
    "no such fleet": Refused(of("g"), "unknown_fleet"),
    "no fleet's name": Refused(of("%7Bf"), "invalid_request"),
    "overload": Refused(of("f"), "overloaded", asks_again=True, waiting=9),
    "no id": Refused(of("f", x_session_id=""), "no_session_id"),
    "an empty id": Refused(of("f", x_session_id=" "), "no_session_id"),
    "two ids": Refused(of("f", x_session_id="a\r\nx-session-id: b"), "repeated_header"),
    "two leases": Refused(of("f", x_slta_lease="1\r\nx-slta-lease: 1"), "repeated_header"),
    "a lease that is no number": Refused(of("f", x_slta_lease="1e3"), "invalid_request"),
    "a negative lease": Refused(of("f", x_slta_lease="-1"), "invalid_request"),
    "a lease too short": Refused(of("f", x_slta_lease="0.0005"), "invalid_request"),
    "a lease too long": Refused(of("f", x_slta_lease="315360000.1"), "invalid_request"),
    "no store": Refused(of("f"), "store_unavailable", asks_again=True, error=errors.StoreUnavailableError()),
    "an unknown outcome": Refused(of("f"), "outcome_unknown", asks_again=True, error=errors.OutcomeUnknownError()),
    "a repair": Refused(of("f"), "repairing", asks_again=True, error=errors.RepairingError()),
    "a defect": Refused(of("f"), "internal_error", error=RuntimeError("secret")),
    "an ended session": Refused(of("f", x_session_id="ended"), "session_ended"),
    "a full fleet": Refused(of("full"), "no_capacity", asks_again=True),
    "a fleet without pools": Refused(of("bare"), "no_active_pool", asks_again=True),
    "a fleet that observes": Refused(of("watched"), "fleet_observes"),
    "headers too long": Refused(of("f", cookie="x" * 17_000), "headers_too_large"),
    "too many headers": Refused(of("f", **{f"x_{k}": "y" for k in range(100)}), "headers_too_large"),
    "a URL too long": Refused(of("f", "/" + "x" * 17_000), "uri_too_long"),
    "a URL that is none": Refused(of("f", "/\xff"), "invalid_http"),
    "another version": Refused(of("f").replace(b"HTTP/1.1", b"HTTP/1.2"), "unsupported_http_version"),
    "another coding": Refused(of("f", transfer_encoding="gzip, chunked"), "unsupported_transfer_coding"),
    "two lengths": Refused(of("f", content_length="1\r\ncontent-length: 2"), "invalid_http"),
    "broken chunks": Refused(of("f", transfer_encoding="chunked") + b"zz\r\n", "invalid_http"),
}
MADE_UP = re.compile(rb"[0-9a-f]{16}")
"""The id of a request that was refused before its own was read."""


async def refusals(here: Served, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What is said in each case."""
    for fleet, document in FLEETS.items():
        await here.say(last(call(fleet, document, method="PUT", authorization=KEY)))
    await here.say(last(of("full", x_session_id="filling")))
    await here.say(of("f", x_session_id="ended"), last(call("f/complete", {"session_id": "ended"}, authorization=KEY)))
    said = {}
    for what, case in REFUSED.items():
        with monkeypatch.context() as patch:
            patch.setattr(Sessions, "waiting_seconds", lambda *_, seconds=case.waiting: seconds)
            if case.error:
                patch.setattr(Sessions, "assign", AsyncMock(side_effect=case.error))
            said[what] = b"\r\n".join(without_dates(await here.say(last(case.request))))
    return said


async def test_every_refusal_is_503_with_the_code_in_a_header_and_the_same_both_ways(
    server: str, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = []
    for fast_path in (True, False):
        async with one_way(server, redis, fast_path=fast_path, access=KEYS) as here:
            both.append(await refusals(here, monkeypatch))
    for what, said in both[0].items():
        head, _, body = said.partition(b"\r\n\r\n")
        problem, code = json.loads(body), REFUSED[what].code
        assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n"), what
        assert f"x-slta-code: {code}\r\n".encode() in head, what
        assert f"content-type: {PROBLEM_JSON}\r\n".encode() in head, what
        assert (problem["code"], problem["status"]) == (code, 503), what
        assert (b"retry-after: 1\r\n" in head) is REFUSED[what].asks_again, what
        assert b"www-authenticate" not in head, what
        assert MADE_UP.sub(b"", said) == MADE_UP.sub(b"", both[1][what]), what


async def test_a_rate_that_is_used_up_is_a_refusal_too(server: str, redis: Redis) -> None:
    rate = Rate(per_second=1e-9, burst=1)  # which the PUT of the fleet takes
    async with one_way(server, redis, fast_path=True, access=Access.open(), rate=rate) as here:
        headers = await placed(here)
    assert (headers["x-slta-code"], int(headers["retry-after"]) > 0) == ("rate_limited", True)


async def test_a_connection_too_many_is_a_refusal_too(server: str, redis: Redis) -> None:
    async with one_way(server, redis, fast_path=True, access=Access.open(), most_connections=1) as here:
        _, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(ask(transfer_encoding="chunked"))  # it stays under way
        headers = await placed(here)
        writer.close()
    assert (headers["x-slta-code"], headers["retry-after"]) == ("too_many_connections", "1")


async def test_a_head_that_does_not_end_is_a_refusal_too(server: str, redis: Redis) -> None:
    async with one_way(server, redis, fast_path=True, access=Access.open(), head_seconds=0.1) as here:
        said = await here.say(ask()[:-2])
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"x-slta-code: request_timeout\r\n" in said


@pytest.mark.parametrize(
    "request_",
    [b"good day\r\n\r\n", b"\x16\x03\x01/v1/fleets/f/place HTTP/1.1\r\n\r\n", ask().replace(b" /v1", b" x/v1")],
)
async def test_bytes_that_do_not_ask_for_a_place_are_no_http_as_before(
    request_: bytes, server: str, redis: Redis
) -> None:
    async with one_way(server, redis, fast_path=True, access=Access.open()) as here:
        said = await here.say(request_)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"x-slta-code" not in said


@pytest.mark.parametrize("path", ["placed", "places/x", "sessions/place", "plac", ""])
async def test_other_paths_are_not_for_the_placement_route(path: str, server: str, redis: Redis) -> None:
    async with one_way(server, redis, fast_path=True, access=Access.open()) as here:
        said = await here.say(last(call(f"f/{path}", method="PATCH")))
    assert said[9:12] in (b"404", b"405")
    assert b"x-slta-code" not in said


async def test_the_request_line_of_other_routes_stays_shorter(server: str, redis: Redis) -> None:
    async with one_way(server, redis, fast_path=True, access=Access.open()) as here:
        said = await here.say(last(call(f"f/placed?{'x' * 9000}")))
    assert said.startswith(b"HTTP/1.1 414 ")


# Counts and records


async def test_requests_are_counted_by_code_and_by_a_fleet_that_has_placed_a_session(server: str, redis: Redis) -> None:
    metrics = Metrics()
    async with one_way(server, redis, fast_path=True, access=Access.open(), observe_request=metrics.observe) as here:
        for request in (of("made-up"), of("f", x_session_id=""), of("f"), of("f", "/x?y"), of("f", x_session_id="")):
            await here.say(last(request))
    samples = [sample for family in metrics.registry.collect() for sample in family.samples]
    counted = {
        (sample.labels["fleet"], sample.labels["code"]): sample.value
        for sample in samples
        if sample.name == "slta_place_requests_total"
    }
    assert not [s for s in samples if s.name == "slta_server_errors_total" and s.value], "the objective counts these"
    assert counted == {
        ("none", "unknown_fleet"): 1,
        ("none", "no_session_id"): 1,
        ("f", "placed"): 2,
        ("f", "no_session_id"): 1,
    }


@pytest.mark.parametrize("fast_path", [True, False], ids=["fast path", "ASGI"])
async def test_a_record_names_the_route_whatever_the_method_and_the_tail(
    fast_path: bool, server: str, redis: Redis
) -> None:
    seen: list[RequestRecord] = []
    async with one_way(server, redis, fast_path=fast_path, access=KEYS, observe_request=seen.append) as here:
        await here.say(
            of("f").replace(b"GET", b"PUT", 1),
            last(of("f", "/a", x_session_id="")),
        )
        await here.say(last(ask(authorization=f"{KEY}\r\nauthorization: x")))
    told = [(one.method, one.route, one.status, one.fleet, one.problem) for one in seen[1:]]
    assert told == [
        ("PUT", PLACE_ROUTE, 200, "f", ""),
        ("GET", PLACE_ROUTE, 503, "f", "no_session_id"),
        ("GET", PLACE_ROUTE, 503, "", "repeated_authorization"),
    ]


# While the store refuses


@pytest.fixture
async def refusing(new_client: NewClient, behind: Store, between: tuple[Proxy, str]) -> Api:
    """A client of a dispatcher whose last check of the store failed; the next call would succeed."""
    between[0].refusals = ["LOADING Redis is loading the dataset in memory"]
    await behind.check()
    return new_client(behind)


SESSION = {"X-Session-Id": "a"}


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing answers in the time that a placement then has."""
    monkeypatch.setattr(place_module, "REFUSING_SECONDS", 0)


@pytest.mark.usefixtures("no_time")
async def test_a_placement_does_not_wait_for_a_store_that_is_known_to_refuse(refusing: Api, fleet: str) -> None:
    answer = await refusing.get(f"{fleet}/place", headers=SESSION)
    assert (refusal(answer), answer.json()["session_id"]) == ((503, "outcome_unknown"), "a")
    assert answer.headers["X-Slta-Code"] == "outcome_unknown"


@pytest.mark.usefixtures("no_time")
async def test_what_was_not_sent_by_then_is_dropped(refusing: Api, fleet: str) -> None:
    await refusing.get(f"{fleet}/place", headers=SESSION)
    assert (await refusing.post(f"{fleet}/assign", json={"session_id": "a"})).status_code == 201


@pytest.mark.usefixtures("no_time")
async def test_an_assign_waits_for_it_as_ever(refusing: Api, fleet: str) -> None:
    assert (await refusing.post(f"{fleet}/assign", json={"session_id": "b"})).status_code == 201


async def test_the_first_placement_after_its_return_is_placed(
    refusing: Api, fleet: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place_module, "REFUSING_SECONDS", 30)
    assert (await refusing.get(f"{fleet}/place", headers=SESSION)).status_code == 200


@pytest.mark.usefixtures("no_time")
async def test_a_store_that_refuses_no_more_is_waited_for_again(refusing: Api, behind: Store, fleet: str) -> None:
    await behind.check()
    assert (await refusing.get(f"{fleet}/place", headers=SESSION)).status_code == 200


@pytest.mark.usefixtures("no_time")
async def test_a_store_that_was_never_checked_is_waited_for(new_client: NewClient, behind: Store, fleet: str) -> None:
    assert (await new_client(behind).get(f"{fleet}/place", headers=SESSION)).status_code == 200
