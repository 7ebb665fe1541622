"""The outermost ASGI middleware: runs the request guard and adds security headers to every response."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from slta.api.http.api_route import starlette_response
from slta.api.http.context import SCOPE_KEY
from slta.api.http.guards import RequestGuard
from slta.api.http.responses import SAFE_HEADERS, ApiResponse


class GuardMiddleware:
    """ASGI middleware around the application."""

    def __init__(self, app: ASGIApp, *, guard: RequestGuard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        context = scope[SCOPE_KEY] = self._guard.context(scope)
        status, inner = 0, context.rules.app_scope(scope)

        async def send_safely(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_safe_headers(message.get("headers", ()), context.request_id)
            elif message.get("more_body") and scope["method"] == "HEAD":  # of a stream nobody awaits the end
                await send({"type": message["type"]})
                raise ClientDisconnect
            await send(message)

        error_response: ApiResponse | None = None
        try:
            try:
                self._guard.begin(scope, context)
                self._guard.check(scope, context)
                await self._app(inner, receive, send_safely)
            except ClientDisconnect:
                pass
            except Exception as error:
                error_response = self._guard.error_response(context, error, started=status > 0)
                if status:
                    raise
            if error_response:  # outside the except block, so that the traceback no longer keeps the body in memory
                await starlette_response(error_response)(scope, receive, send_safely)
        finally:
            self._guard.finish(scope, context, getattr(inner.get("route"), "path", None), status)


def _with_safe_headers(headers: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    own = [pair for pair in headers if pair[0] != b"server"]
    names = {name for name, _ in own}
    return [*own, *(pair for pair in SAFE_HEADERS if pair[0] not in names), (b"x-request-id", request_id.encode())]
