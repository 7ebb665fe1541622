"""The placement route: whatever a browser sent, the proxy's question is answered, in headers; a refusal is 503."""

from __future__ import annotations

import pytest
from redis import Redis

from slta.auth.keys import Access
from tests.api.test_fast_path import call, last, one_way

CHROMIUM = {
    "host": "shop.example",
    "connection": "keep-alive",
    "cache-control": "max-age=0",
    "sec-ch-ua": '"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
    "sec-ch-ua-mobile": "?0",
    "sec-ch-ua-platform": '"Linux"',
    "upgrade-insecure-requests": "1",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
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


def ask(method: str = "GET", tail: str = "", body: bytes = b"", **headers: str) -> bytes:
    """A proxy's question. `headers` by name with `_` for `-`; '' leaves one out that would be there."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = (
        CHROMIUM | {"x-session-id": "a", "x-request-id": "r-1"} | ({"content-length": str(len(body))} if body else {})
    )
    shown = [f"{name}: {value}" for name, value in (lines | given).items() if value]
    return "\r\n".join([f"{method} /v1/fleets/f/place{tail} HTTP/1.1", *shown, "", ""]).encode("latin-1") + body


CHUNKS = b"5\r\nhello\r\n2;x=y\r\n!!\r\n0\r\nX-Sum: 1\r\n\r\n"
FORM = {"content_type": "application/x-www-form-urlencoded", "origin": "https://elsewhere.example"}
MULTIPART = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n\0\xff\r\n--x--\r\n'

BROWSERS: dict[str, bytes] = {
    "a page": ask(),
    "8 kB of cookies": ask(cookie="c=" + "x" * 8190),
    "a URL of 8 kB": ask(tail="/" + "a" * 8000),
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
