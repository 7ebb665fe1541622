"""Random talks: what a client might send on one connection, valid or with a few bytes and lines changed."""

from __future__ import annotations

import re
from random import Random

from tests.api.raw_requests import Talk, call, last

PATHS = ("f/assign",) * 6 + ("f/complete",) * 6 + ("f/renew", "f/operations", "f/state", "g/assign", "f/assign?x=1")
METHODS = ("POST",) * 20 + ("GET", "CONNECT")
BODIES = (b"", b"{}", b'{"operations": [{"assign": {"session_id": "s-1"}}]}')
CHUNKS = (b"%x\r\n%b\r\n0\r\n\r\n", b"%x;a=b\r\n%b\r\n000\r\nTrailer: x\r\n\r\n", b'%X;a="\\"";b\r\n%b\r\n0\r\n\r\n')
RARE = (
    {"accept": "text/html"}, {"accept": "*/*"}, {"host": "LOCALHOST:1"}, {"host": "elsewhere"}, {"connection": "close"},
    {"connection": "Upgrade", "upgrade": "h2c"}, {"content_type": "text/plain"}, {"expect": "100-continue"},
    {"origin": "http://evil"}, {"x_request_id": "r-1"}, {"authorization": ""}, {"authorization": "Bearer x.wrong"},
)  # fmt: skip
EDITS = (
    b"", b"\n", b"\r", b"\0", b" ", b"  ", b":", b"\t", b"\r\n", b"\r\r\n", b"\r\n ", b"\r\n\r\n", b"A", b"0", b",",
    b"#", b"\x7f", b"\xff", b"\r\nAuthorization: q\r\n", b"\r\nContent-Length: 3\r\n", b"\nContent-Length: 3",
    b"\r\nTransfer-Encoding: chunked\r\n", b"\r\nTransfer-Encoding: ,chunked\r\n", b"\r\nUpgrade: \0\r\n",
    b"\r\r\nUpgrade: x\n", b"\r\r\nUpgrade: x\n\r\r\nUpgrade: x\nGET /a HTTP/1.1\r\n",
)  # fmt: skip
"""The last two are line ends once the line of Upgrade is removed."""


def request(rng: Random, key: str) -> bytes:
    body = rng.choice(BODIES) if rng.random() < 0.1 else b'{"session_id": "s-%02d"}' % rng.randrange(40)
    headers = {"authorization": f"Bearer {key}"} | (rng.choice(RARE) if rng.random() < 0.3 else {})
    if rng.random() < 0.2 and body:
        headers |= {"content_length": "", "transfer_encoding": "chunked", "content_type": "application/json"}
        body = rng.choice(CHUNKS) % (len(body), body)
    head, end, body = call(rng.choice(PATHS), body, method=rng.choice(METHODS), **headers).partition(b"\r\n\r\n")
    if rng.random() < 0.2:
        head = edited(rng, head)
    return head + end + (edited(rng, body) if body and rng.random() < 0.05 else body)


def edited(rng: Random, sent: bytes) -> bytes:
    """With other bytes before it, for a line end or blank, or somewhere."""
    ends = [found.span() for found in re.finditer(rb"^|\r\n| ", sent)]
    start = rng.randrange(len(sent))
    start, end = rng.choice([*ends, *[(start, start + rng.randrange(3))] * len(ends)])
    return sent[:start] + rng.choice(EDITS) + sent[end:]


def talk(rng: Random, key: str) -> Talk:
    """Some requests on one connection, in pieces."""
    requests = [request(rng, key) for _ in range(rng.randrange(1, 7))]
    sent = b"".join([*requests, last(rng.choice(requests))])
    cuts = sorted(rng.randrange(len(sent)) for _ in range(rng.choice((0, 0, 1, 3))))
    return tuple(sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True))
