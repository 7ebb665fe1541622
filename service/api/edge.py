"""The outermost layer: request ids, headers, Host, the length of URLs, and the one place where errors are answered."""

from __future__ import annotations

import re
import secrets
import traceback
from collections.abc import Callable, Iterable, Mapping
from time import perf_counter

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.context import SCOPE_KEY, RequestContext
from service.api.problems import EXPECTED, Refusal, problem_of
from service.requests import RequestRecord

LONGEST_URL = 8192
LARGEST_HEADERS = 16_384
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
"""They change nothing (RFC 9110, 9.2.1)."""

PROBES = ("/healthz", "/readyz")
"""Asked by address, whatever the name of the service; they reveal nothing."""

SAFE_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
"""Set where a route has not set its own."""
_SAFE_NAMES = frozenset(name for name, _ in SAFE_HEADERS)

log = structlog.get_logger(__name__)


class Edge:
    """Pure ASGI, around the application."""

    def __init__(self, app: ASGIApp, *, allowed_hosts: Iterable[str], observe: Callable[[RequestRecord], None]) -> None:
        """`allowed_hosts`: names without port; `*` for any, `*.example.org` for its subdomains."""
        self._app = app
        self._observe = observe
        self._hosts = frozenset(name.lower() for name in allowed_hosts if not name.startswith("*"))
        self._suffixes = tuple(name[1:].lower() for name in allowed_hosts if name.startswith("*."))
        self._any_host = "*" in allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        context = scope[SCOPE_KEY] = _context(scope)
        status = 0

        async def send_safely(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_safe_headers(message.get("headers", ()), context.request_id)
            await send(message)

        try:
            self._check(scope, context)
            await self._app(scope, receive, send_safely)
        except ClientDisconnect:
            pass
        except Exception as error:
            if status or not isinstance(error, EXPECTED):
                log.error("request_failed", request_id=context.request_id, **_where(error))  # noqa: TRY400 - see _where
            if status:
                raise
            await problem_of(context.request_id, error)(scope, receive, send_safely)
        finally:
            self._observe(_record(scope, context, status, perf_counter() - started))

    def _check(self, scope: Scope, context: RequestContext) -> None:
        if len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"]) > LONGEST_URL:
            raise Refusal(414, "uri_too_long", f"The URL may have at most {LONGEST_URL} bytes.")
        if sum(len(name) + len(value) for name, value in scope["headers"]) > LARGEST_HEADERS:
            detail = f"The headers may have at most {LARGEST_HEADERS} bytes."
            raise Refusal(431, "headers_too_large", detail, {"Connection": "close"})
        if scope["path"] not in PROBES and not self._host_allowed(scope, context):
            raise Refusal(400, "invalid_host", "This service has another name: see its allowed hosts.")
        if scope["method"] not in SAFE_METHODS and _is_cross_site(context.headers):
            raise Refusal(403, "cross_site", "A page of another site may not change anything here.")

    def _host_allowed(self, scope: Scope, context: RequestContext) -> bool:
        host = _PORT.sub("", context.header(b"host") or "").lower()
        if not host or sum(name == b"host" for name, _ in scope["headers"]) > 1:
            return False
        return self._any_host or host in self._hosts or host.endswith(self._suffixes)


def _is_cross_site(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser sends this for a page of another origin; other clients send neither header.

    Calls without a body need no leave from the service first (Fetch standard, CORS-safelisted requests), and where
    no key is needed any page could otherwise drain a pool.
    """
    if headers.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none"):
        return True
    origin = headers.get(b"origin")
    return origin is not None and origin.partition(b"://")[2].lower() != headers.get(b"host", b"").lower()


_PORT = re.compile(r":[0-9]*\Z")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


def _context(scope: Scope) -> RequestContext:
    headers, client = dict(scope["headers"]), scope.get("client")
    return RequestContext(_request_id(headers), headers, str(client[0]) if client else "")


def _request_id(headers: Mapping[bytes, bytes]) -> str:
    """The client's own, when it is harmless, else a new one."""
    text = headers.get(b"x-request-id", b"").decode("latin-1")
    return text if _REQUEST_ID.match(text) else secrets.token_hex(8)


def _with_safe_headers(headers: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    own = [pair for pair in headers if pair[0] != b"server"]
    names = {name for name, _ in own}
    if names.isdisjoint(_SAFE_NAMES):
        own.extend(SAFE_HEADERS)
    else:
        own.extend(pair for pair in SAFE_HEADERS if pair[0] not in names)
    own.append((b"x-request-id", request_id.encode()))
    return own


def _record(scope: Scope, context: RequestContext, status: int, seconds: float) -> RequestRecord:
    return RequestRecord(
        request_id=context.request_id,
        method=scope["method"],
        route=getattr(scope.get("route"), "path", None),
        status=status,
        seconds=seconds,
        fleet=context.fleet,
        key_id=context.caller.key_id,
    )


def _where(error: Exception) -> dict[str, object]:
    """The kind of an error and the lines it passed; its text and variables may hold what was sent, or a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return {"error": type(error).__name__, "traceback": lines[-12:]}
