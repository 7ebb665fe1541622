"""Reading a request: what it accepts, what its body is, how much of it and how soon."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from service.api.context import RequestContext
from service.api.problems import Refusal
from service.api.rules import UNCOUNTED_BYTES

Hold = Callable[[RequestContext, int], None]
"""Counts a body of which so many bytes are held now, or raises Refusal: `Gate.hold`."""
BODY_SECONDS = 10.0
"""How long a body may take to arrive."""
NOT_AT_ALL = ("q=0", "q=0.0", "q=0.00", "q=0.000")
CLOSE = {"Connection": "close"}
"""What is left of the body is not read, so the connection cannot serve another request."""


async def read_body(context: RequestContext, receive: Receive, limit: int, hold: Hold) -> bytes:
    """The whole body, at most `limit` bytes, counted by `hold` as they come; 413, 415 or 408 instead of reading on."""
    _check_declared(context, limit)
    body = await _in_time(_receive(context, receive, limit, hold))
    if body:
        _check_content(context)
    return body


async def drop_body(context: RequestContext, receive: Receive, limit: int, hold: Hold) -> None:
    """Read the body of a call that takes none: what is not read would be kept until the answer. 413 or 408."""
    if context.headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in context.headers:
        _check_declared(context, limit)
        await _in_time(_receive(context, receive, limit, hold))


def _check_declared(context: RequestContext, limit: int) -> None:
    length = context.header(b"content-length") or ""
    if length.isdecimal() and int(length[:19]) > limit:
        raise _too_large(limit)


def check_body(context: RequestContext, body: bytes, limit: int, hold: Hold) -> None:
    """413, 415 or what `hold` raises for a body that has arrived whole."""
    if len(body) > UNCOUNTED_BYTES:
        _check_size(context, len(body), limit, hold)
    if body:
        _check_content(context)


def _check_size(context: RequestContext, size: int, limit: int, hold: Hold) -> None:
    if size > limit:
        raise _too_large(limit)
    hold(context, size)


async def _in_time(body: Awaitable[bytes]) -> bytes:
    # asyncio.timeout does the same and costs every request 10 µs more.
    late = False
    task = asyncio.current_task()

    def give_up() -> None:
        nonlocal late
        late = task is not None and task.cancel()

    timer = asyncio.get_running_loop().call_later(BODY_SECONDS, give_up)
    try:
        return await body
    except asyncio.CancelledError:
        if not late or (task and task.uncancel() > 0):
            raise
        raise Refusal(408, "request_timeout", "The body did not arrive in time.", CLOSE) from None
    finally:
        timer.cancel()


async def _receive(context: RequestContext, receive: Receive, limit: int, hold: Hold) -> bytes:
    chunks = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks += message.get("body", b"")
        _check_size(context, len(chunks), limit, hold)
        if not message.get("more_body", False):
            return bytes(chunks)


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "payload_too_large", f"The body may have at most {limit} bytes.", CLOSE)


def _check_content(context: RequestContext) -> None:
    content_type = context.headers.get(b"content-type", b"")
    if content_type != b"application/json":
        kind, _, parameters = content_type.decode("latin-1").partition(";")
        charset = parameters.strip().lower().replace('"', "")
        if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
            raise Refusal(415, "unsupported_media_type", "Send the body as application/json in UTF-8.")
    if context.headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refusal(415, "unsupported_media_type", "Send the body without Content-Encoding.")


def check_accept(context: RequestContext, offers: Sequence[str]) -> None:
    """406 when the client takes nothing of what the route answers in."""
    sent = context.headers.get(b"accept", b"*/*")
    if sent == b"*/*":
        return
    accept = sent.decode("latin-1")
    if accept in offers:
        return
    families = {offer.partition("/")[0] + "/*" for offer in offers}
    for entry in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in entry.split(";"))
        wanted = kind == "*/*" or kind in families or kind in offers
        if wanted and not any(parameter in NOT_AT_ALL for parameter in parameters):
            return
    raise Refusal(406, "not_acceptable", f"The answer is {' or '.join(offers)}: accept it.")


def check_query(query: bytes, known: Collection[str]) -> None:
    """422 for a parameter that the route does not know, or that stands twice."""
    if not query:
        return
    names = [name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)]
    if not set(names) <= set(known):
        raise Refusal(422, "invalid_request", f"query: known are {sorted(known)}")
    if len(set(names)) < len(names):
        raise Refusal(422, "invalid_request", "query: a parameter stands twice")
