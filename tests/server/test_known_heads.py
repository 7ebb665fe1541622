"""Known heads: which are remembered, that none holds a secret, and that they have a bound."""

from __future__ import annotations

from typing import Any

import pytest

from slta.server import request_head
from slta.server.framing import RequestReader
from slta.server.request_head import KnownHeads, RequestHead, without_secret
from tests.api.raw_requests import assign, call
from tests.inventory import each

SECRET = "Bearer one.secret"


class Connection:
    """Connection that keeps the head of the request which its reader begins; `heads` are those that it knows."""

    def __init__(self, head: bytes, heads: KnownHeads | None = None) -> None:
        RequestReader(self, heads or KnownHeads()).parse(head)

    def admit(self, target: bytes) -> None:
        """Every request is taken."""

    def begin(self, _: Any, head: RequestHead) -> None:
        self.head = head


def head_of(request: bytes) -> bytes:
    return request.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


def known_after(request: bytes) -> tuple[KnownHeads, RequestHead | None]:
    heads, head = KnownHeads(), head_of(request)
    Connection(head, heads)
    return heads, heads.find(*without_secret(head))


NOT_KEPT = {
    "a cookie": assign("a", cookie="a=b"),
    "a trace": assign("a", traceparent="00-1-2-03"),
    "an id of a request": assign("a", x_request_id="r-1"),
    "a client of a proxy": assign("a", x_forwarded_for="192.0.2.1"),
    "two keys": assign("a", authorization=f"{SECRET}\r\nauthorization: {SECRET}"),
    "two keys in capitals": assign("a", authorization=f"{SECRET}\r\nAUTHORIZATION: {SECRET}"),
    "a key of a proxy": assign("a", proxy_authorization=SECRET),
    "another call": call("f/state", method="GET"),
    "a placement": call("f/place", method="GET", x_session_id="a"),
    "a body in chunks": call("f/assign", content_length="", transfer_encoding="chunked"),
    "a client that waits": assign("a", expect="100-continue"),
    "more than 400 bytes": assign("a", user_agent="x" * 400),
}


@each("request", NOT_KEPT)
def test_a_head_that_hardly_repeats_is_not_remembered(request: str) -> None:
    assert known_after(NOT_KEPT[request])[1] is None


def test_a_known_head_says_what_the_parser_said() -> None:
    request = assign("a", authorization=SECRET, accept="*/*")
    parsed, (_, known) = Connection(head_of(request)).head, known_after(request)
    assert known
    scopes = [{**one.scope, "headers": dict(one.scope["headers"])} for one in (known, parsed)]
    assert scopes[0] == scopes[1]
    assert known[2:5] == parsed[2:5]


def test_no_edit_of_a_known_head_is_read_otherwise_than_by_the_parser() -> None:
    heads, _ = known_after(assign("a", authorization=SECRET))
    head = head_of(assign("a", authorization=SECRET))
    edits = (b"", b"\n", b"\r", b"\0", b" ", b":", b"\t", b"A", b"\r\n")
    edited = {head[:at] + edit + head[at + cut :] for at in range(len(head)) for edit in edits for cut in range(3)}
    found = {other: known for other in edited if (known := heads.find(*without_secret(other)))}
    assert len(found) > 100  # another key
    for other, known in found.items():
        parsed = Connection(other).head
        assert dict(known.scope["headers"]) == dict(parsed.scope["headers"])
        assert (known.target, known.body, known.keep_alive) == (parsed.target, parsed.body, parsed.keep_alive)


def test_no_secret_is_kept() -> None:
    heads, known = known_after(assign("a", authorization=SECRET))
    assert known
    assert "secret" not in repr(vars(heads))


def test_the_heads_begin_anew_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_head, "KNOWN_HEADS", 2)
    heads, sent = KnownHeads(), [head_of(assign("a", user_agent=client)) for client in "abc"]
    for head in sent:
        Connection(head, heads)
    assert [bool(heads.find(*without_secret(head))) for head in sent] == [False, False, True]
