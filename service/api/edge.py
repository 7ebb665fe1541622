"""The outermost layer in ASGI: every request passes the door, and every answer has its headers."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.answers import SAFE_HEADERS, Answer
from service.api.context import SCOPE_KEY
from service.api.door import Door
from service.api.routing import response_of

_SAFE_NAMES = frozenset(name for name, _ in SAFE_HEADERS)


class Edge:
    """Pure ASGI, around the application."""

    def __init__(self, app: ASGIApp, *, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        context = scope[SCOPE_KEY] = self._door.context(scope)
        status = 0

        async def send_safely(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_safe_headers(message.get("headers", ()), context.request_id)
            await send(message)

        refusal: Answer | None = None
        try:
            try:
                self._door.check(scope, context)
                await self._app(scope, receive, send_safely)
            except ClientDisconnect:
                pass
            except Exception as error:
                refusal = self._door.refuse(context, error, begun=status > 0)
                if status:
                    raise
            if refusal:  # by now nothing holds the frames of the error, and with them the body
                await response_of(refusal)(scope, receive, send_safely)
        finally:
            self._door.leave(scope, context, getattr(scope.get("route"), "path", None), status)


def _with_safe_headers(headers: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    own = [pair for pair in headers if pair[0] != b"server"]
    names = {name for name, _ in own}
    if names.isdisjoint(_SAFE_NAMES):
        own.extend(SAFE_HEADERS)
    else:
        own.extend(pair for pair in SAFE_HEADERS if pair[0] not in names)
    own.append((b"x-request-id", request_id.encode()))
    return own
