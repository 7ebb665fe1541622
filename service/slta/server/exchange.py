"""HTTP exchange: one request and its response, sent whole, or by a FastAPI route through ASGI's receive and send."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from starlette.types import Message, Scope

from slta.api.http.responses import ApiResponse, encode_headers

STATUS_LINES = {status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}


class Exchange:
    """A request and its response, which `task` sends. `scope` is that of ASGI.

    `keep_alive`: the connection stays open after it. `expects_continue`: the client awaits 100 Continue. `is_hot`: the
    fast path answers. `keeps_body`: some route reads it. `more_body`: not all of it has arrived. `has_started`: the
    response. `is_over`: the response is written, or nobody awaits it any more.
    """

    def __init__(self, connection: Any, url: bytes = b"") -> None:  # noqa: ANN401 - its module imports this one
        self.url = url
        self.scope: Scope = {"method": ""}
        self.keep_alive = self.expects_continue = self.is_hot = False
        self.keeps_body = self.more_body = True
        self.has_started = self.is_over = self._is_chunked = False
        self.task: asyncio.Task[None] | None = None
        self.body = bytearray()
        self._has_news = False
        self._waiter: asyncio.Future[None] | None = None
        self._connection = connection

    def take_body(self) -> bytes:
        """Take what has arrived of the body."""
        body = bytes(self.body)
        self.body.clear()
        return body

    def end(self) -> None:
        """End the exchange: `receive` and `send` do nothing from now on."""
        self.is_over = True
        self.tell()

    def tell(self) -> None:
        """Let `receive` go on: more of the body has arrived, or its end, or that of the exchange."""
        self._has_news = True
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> Message:
        """Receive the next piece of the body, or that the exchange is over."""
        transport = self._connection.transport
        if self.expects_continue and not transport.is_closing():
            transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.expects_continue = False
        if not self.is_over:
            transport.resume_reading()
            while not self._has_news:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
            self._has_news = False
        if self.is_over:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": self.take_body(), "more_body": self.more_body}

    async def send(self, message: Message) -> None:
        """Send the head of the response, or a piece of its body, once the write buffer has room."""
        await self._connection.writable.wait()
        if not (self.is_over or self.has_started):
            self._send_head(message["status"], message["headers"])
        elif not self.is_over:
            self._send_body(message.get("body", b""), has_more=message.get("more_body", False))

    def _send_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        names = dict(headers)
        has_body = self.scope["method"] != "HEAD" and status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
        self._is_chunked = has_body and b"content-length" not in names and self.scope["http_version"] != "1.0"
        self._write(status, _lines(headers), must_close=b"connection" in names)

    def _write(self, status: int, lines: bytes, body: bytes = b"", *, must_close: bool) -> None:
        self.has_started, self.expects_continue = True, False
        close = b"" if self.keep_alive or must_close else b"connection: close\r\n"
        coding = b"transfer-encoding: chunked\r\n" if self._is_chunked else b""
        self.keep_alive = self.keep_alive and not must_close
        default = _lines(self._connection.state.default_headers)
        self._connection.transport.write(b"".join((STATUS_LINES[status], default, lines, close, coding, b"\r\n", body)))

    def _send_body(self, body: bytes, *, has_more: bool) -> None:
        if self._is_chunked:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if has_more else b"0\r\n\r\n")
        if self.scope["method"] != "HEAD":
            self._connection.transport.write(body)
        if not has_more:
            self.end()
            self._connection.on_response_complete()

    def respond(self, response: ApiResponse, request_id: str) -> None:
        """Send a whole response, which ends the exchange."""
        body = b"" if self.scope["method"] == "HEAD" else response.body
        lines = encode_headers(response, request_id)
        self._write(response.status, lines, body, must_close="Connection" in response.headers)
        self.end()


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])
