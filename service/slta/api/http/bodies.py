"""Request bodies: size limits, read timeout and content type; and the checks of Accept and the query string."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from slta.api.http.context import RequestContext
from slta.api.http.problems import CLOSE, HttpError
from slta.api.http.route_options import UNCOUNTED_BYTES

Reserve = Callable[[RequestContext, int], None]
"""Reserves memory for a body of this size, or raises HttpError: `Authorizer.reserve`."""
Known = Collection[str] | None
"""Names of query parameters; None for any."""
BODY_SECONDS = 10.0
"""Read timeout of a body."""
ZERO_QUALITY = ("q=0", "q=0.0", "q=0.00", "q=0.000")


async def read_body(context: RequestContext, body: bytes | Receive, limit: int, reserve: Reserve) -> bytes:
    """A body of at most `limit` bytes, memory for it reserved. Raises 413, 415, 408 or 503.

    `body` is the complete body, or the callable that receives it in pieces.
    """
    if not isinstance(body, bytes):
        if context.headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in context.headers:
            return b""
        if (context.content_length or 0) > limit:
            raise _too_large(limit)
        body = await _in_time(_receive(context, body, limit, reserve))
    elif len(body) > UNCOUNTED_BYTES:
        _check_size(context, len(body), limit, reserve)
    if body:
        _check_content(context)
    return body


def _check_size(context: RequestContext, size: int, limit: int, reserve: Reserve) -> None:
    if size > limit:
        raise _too_large(limit)
    reserve(context, size)


async def _in_time(body: Awaitable[bytes]) -> bytes:
    # asyncio.timeout does the same, but costs 10 µs more per request.
    late = False
    task = asyncio.current_task()

    def on_timeout() -> None:
        nonlocal late
        late = task is not None and task.cancel()

    timer = asyncio.get_running_loop().call_later(BODY_SECONDS, on_timeout)
    try:
        return await body
    except asyncio.CancelledError:
        if not late or (task and task.uncancel() > 0):
            raise
        raise HttpError(408, "request_timeout", "The body did not arrive in time.", CLOSE) from None
    finally:
        timer.cancel()


async def _receive(context: RequestContext, receive: Receive, limit: int, reserve: Reserve) -> bytes:
    chunks = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks += message.get("body", b"")
        _check_size(context, len(chunks), limit, reserve)
        if not message.get("more_body", False):
            return bytes(chunks)


def _too_large(limit: int) -> HttpError:
    return HttpError(413, "payload_too_large", f"The body may have at most {limit} bytes.", CLOSE)


def _check_content(context: RequestContext) -> None:
    content_type = context.headers.get(b"content-type", b"")
    if content_type != b"application/json":
        kind, _, parameters = content_type.decode("latin-1").partition(";")
        charset = parameters.strip().lower().replace('"', "")
        if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
            raise HttpError(415, "unsupported_media_type", "Send the body as application/json in UTF-8.")
    if context.headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise HttpError(415, "unsupported_media_type", "Send the body without Content-Encoding.")


def check_accept(context: RequestContext, offers: Sequence[str]) -> None:
    """406 if Accept excludes all media types of the route."""
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
        if wanted and not any(parameter in ZERO_QUALITY for parameter in parameters):
            return
    raise HttpError(406, "not_acceptable", f"The response is {' or '.join(offers)}: allow it in Accept.")


def check_query(query: bytes, known: Known) -> None:
    """422 for an unknown or duplicate query parameter."""
    if not query or known is None:
        return
    names = [name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)]
    if not set(names) <= set(known):
        takes = f"known: {', '.join(sorted(known))}" if known else "the call takes no parameters"
        raise HttpError(422, "invalid_request", f"query: unknown parameter; {takes}")
    if len(set(names)) < len(names):
        raise HttpError(422, "invalid_request", "query: duplicate parameter")
