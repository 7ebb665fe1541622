"""Reading a request: what it accepts, what it is made of, and how much of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope

from service.api.problems import Refusal
from service.reading.strict_json import InvalidJson, parse

BODY_SECONDS = 10.0
"""How long a body may take to arrive."""
NOT_AT_ALL = ("q=0", "q=0.0", "q=0.00", "q=0.000")
CLOSE = {"Connection": "close"}
"""What is left of the body is not read, so the connection cannot serve another request."""


def header(scope: Scope, name: bytes) -> str | None:
    """A header of a request that came through `edge`."""
    value = scope["slta.headers"].get(name)
    return None if value is None else value.decode("latin-1")


class StrictRequest(Request):
    """A request whose body is read up to a limit, and parsed to the letter."""

    body_bytes = 0

    async def body(self) -> bytes:
        """The whole body; 413, 415 or 408 instead of reading on."""
        if not hasattr(self, "_body"):
            self._body = await _read(self.scope, self.receive, self.body_bytes)
        return self._body

    async def json(self) -> Any:  # noqa: ANN401 - whatever JSON says
        """The body's value; 400 for what is not JSON, or read differently elsewhere."""
        try:
            return parse(await self.body())
        except InvalidJson as error:
            raise Refusal(400, "invalid_json", f"{error}.") from None


async def _read(scope: Scope, receive: Receive, limit: int) -> bytes:
    length = header(scope, b"content-length") or ""
    if length.isdecimal() and int(length[:19]) > limit:
        raise _too_large(limit)
    body = await _in_time(_receive(receive, limit))
    if body:
        _check_content(scope)
    return body


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


async def _receive(receive: Receive, limit: int) -> bytes:
    chunks = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks += message.get("body", b"")
        if len(chunks) > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return bytes(chunks)


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "payload_too_large", f"The body may have at most {limit} bytes.", CLOSE)


def _check_content(scope: Scope) -> None:
    content_type = header(scope, b"content-type") or ""
    if content_type != "application/json":
        kind, _, parameters = content_type.partition(";")
        charset = parameters.strip().lower().replace('"', "")
        if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
            raise Refusal(415, "unsupported_media_type", "Send the body as application/json in UTF-8.")
    if (header(scope, b"content-encoding") or "identity").lower() != "identity":
        raise Refusal(415, "unsupported_media_type", "Send the body without Content-Encoding.")


def check_accept(accept: str | None, offers: Sequence[str]) -> None:
    """406 when the client takes nothing of what the route answers in."""
    if accept is None or accept == "*/*" or accept in offers:
        return
    families = {offer.partition("/")[0] + "/*" for offer in offers}
    for entry in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in entry.split(";"))
        wanted = kind == "*/*" or kind in families or kind in offers
        if wanted and not any(parameter in NOT_AT_ALL for parameter in parameters):
            return
    raise Refusal(406, "not_acceptable", f"The answer is {' or '.join(offers)}: accept it.")
