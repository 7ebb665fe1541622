"""Questions to the placement route as bytes, as a proxy asks them for a browser, and the headers of their answers."""

from __future__ import annotations

from tests.api.raw_requests import encode, last
from tests.api.served import ADMIN, Served

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
    """A proxy's question about the fleet `f`. `headers` as in `encode`."""
    sent = body.encode() if isinstance(body, str) else body
    lines = CHROMIUM | {"x-session-id": "a", "x-request-id": "r-1"}
    lines |= {"content-length": str(len(sent))} if sent else {}
    return encode(method, f"f/place{tail}", sent, lines, headers)


KEY = f"Bearer {ADMIN}"


def of(fleet: str, tail: str = "", **headers: str) -> bytes:
    """A question about a fleet, with a key."""
    request = ask(tail=tail, **{"authorization": KEY, **headers})
    return request.replace(b"/f/place", f"/{fleet}/place".encode(), 1)


async def placed(here: Served, **headers: str) -> dict[str, str]:
    """The headers of an answer."""
    said = await here.say(last(ask(**headers)))
    lines = said.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name: value for name, _, value in (line.partition(": ") for line in lines)}
