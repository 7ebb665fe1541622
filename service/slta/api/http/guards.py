"""Request guards: request id, path, Host and cross-site checks before routing; errors to responses after it.

A guard makes the context of a request: id, headers, the client address according to trusted proxies, principal. The
outermost ASGI middleware runs it, and adds security headers to every response.
"""

import ipaddress
import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import randbytes
from time import monotonic

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from slta.api.http.responses import (
    EXPECTED,
    SAFE_HEADERS,
    URN,
    ApiResponse,
    HttpError,
    problem_code,
    starlette_response,
)
from slta.api.http.route_options import COMMON, RULES_KEY, RouteRules, rules_of
from slta.auth.keys import ANONYMOUS, Principal
from slta.models.request_record import Author, RequestRecord

SCOPE_KEY = "service.request"


@dataclass(slots=True)
class RequestContext:
    """Context of a request. `headers` have lower-case names; `address` is '' if the socket has none.

    `arrived` is in seconds of the event loop's clock. The authorizer sets `principal` and `fleet` (ANONYMOUS and ''
    before, and on public routes), `shed` if it refused the request because of overload, `reserved_bytes` of the body
    budget, and `unused_charge`: operations charged to the rate limit that the batch is not yet known to have. `author`
    is set for routes that change a fleet, `problem` is the code of the problem document of the response.
    `rules` are those of its path, `problem_types` the `type_prefix` of problem documents.
    """

    request_id: str
    headers: Mapping[bytes, bytes]
    address: str
    arrived: float
    principal: Principal = ANONYMOUS
    fleet: str = ""
    shed: bool = False
    author: Author | None = None
    problem: str = ""
    reserved_bytes: int = 0
    unused_charge: int = 0
    rules: RouteRules = COMMON
    problem_types: str = URN

    @property
    def content_length(self) -> int | None:
        """Content-Length, None without one; of more than 19 digits the first."""
        length = self.headers.get(b"content-length", b"")
        return int(length[:19]) if length.isdigit() else None

    def header(self, name: bytes) -> str | None:
        """Value of a header, or None."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


def context_of(scope: Scope) -> RequestContext:
    """Context that the middleware has put into the scope."""
    context: RequestContext = scope[SCOPE_KEY]
    return context


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrustedProxies:
    """Networks of trusted proxies; X-Forwarded-For of other peers is ignored."""

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self._networks = tuple(networks)

    def forwarded_client(self, peer: str, forwarded: str | None) -> str:
        """The first address that is not a trusted proxy's, from the peer backwards through `forwarded`.

        If all are, or the next entry is not an IP address, the last valid address.
        """
        address = peer
        for hop in reversed((forwarded or "").split(",") if self._networks else ()):
            if not self.trusts(address) or _parsed(hop.strip()) is None:
                break
            address = hop.strip()
        return address

    def trusts(self, address: str) -> bool:
        """Whether the address is a trusted proxy's."""
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._networks)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
"""Safe methods (RFC 9110, 9.2.1)."""

PROBES = ("/healthz", "/readyz")
"""Exempt from the Host check, as probes use the address; their responses reveal nothing."""

BeginRequest = Callable[[str, Mapping[bytes, bytes], float], None]

log = structlog.get_logger(__name__)


class RequestGuard:
    """Guard of all requests of one process. `scope` is the ASGI scope."""

    def __init__(
        self,
        allowed_hosts: Iterable[str],
        observe: Callable[[RequestRecord], None],
        proxies: TrustedProxies | None = None,
        *,
        is_open: bool = False,
        problem_types: str = URN,
        begin: BeginRequest | None = None,
    ) -> None:
        """`allowed_hosts`: names without port; `*` for any, `*.example.org` for its subdomains.

        `observe` is called once per request, also if the client disconnected. `is_open`: authentication is off, so that
        only the Host check keeps a browser's pages, by DNS rebinding, from the proxies' routes. `problem_types` as in
        `RequestContext`. `begin` is called in the task of each request, with its method, its headers and the seconds
        since it arrived.
        """
        names = [name.lower() for name in allowed_hosts]
        self._observe = observe
        self._proxies = proxies
        self._is_open = is_open
        self.problem_types = problem_types
        self._begin = begin
        self._hosts = frozenset(name for name in names if not name.startswith("*"))
        self._suffixes = tuple(name[1:] for name in names if name.startswith("*."))
        self._any_host = "*" in names

    def context(self, scope: Scope) -> RequestContext:
        """Create the context of a request that arrives now."""
        headers, client = dict(scope["headers"]), scope.get("client")
        address = str(client[0]) if client else ""
        if self._proxies:
            forwarded = headers.get(b"x-forwarded-for", b"")
            address = self._proxies.forwarded_client(address, forwarded.decode("latin-1"))
        rules = scope.get(RULES_KEY) or rules_of(scope["path"])
        return RequestContext(
            _request_id(headers), headers, address, monotonic(), rules=rules, problem_types=self.problem_types
        )

    def begin(self, scope: Scope, context: RequestContext) -> None:
        """Say that the task of a request has begun."""
        if self._begin:
            self._begin(scope["method"], context.headers, monotonic() - context.arrived)

    def check(self, scope: Scope, context: RequestContext) -> None:
        """Raise HttpError 400 or 403 for a request that no route would accept. Depends on its head alone."""
        if _is_repeated(b"authorization", scope, context):
            raise HttpError(400, "repeated_authorization", "The request has more than one Authorization header.")
        for name in context.rules.single_headers:  # which of two the proxy has set is not known
            if _is_repeated(name.lower().encode(), scope, context):
                raise HttpError(400, "repeated_header", f"The request has more than one {name} header.")
        if context.rules.of_proxies:
            if self._is_open:
                self._check_host(scope, context)
            return
        if b"%" in scope["raw_path"] and b"%2f" in scope["raw_path"].lower():
            detail = "The path contains %2F, which proxies and servers decode differently."
            raise HttpError(400, "escaped_slash", detail)
        if scope["path"] not in PROBES:
            self._check_host(scope, context)
        if scope["method"] not in SAFE_METHODS and _is_cross_site(context.headers):
            raise HttpError(403, "cross_site", "Cross-site requests may not change anything.")

    def _check_host(self, scope: Scope, context: RequestContext) -> None:
        host = _without_port(context.header(b"host") or "").lower()
        is_one = host and not _is_repeated(b"host", scope, context)
        if not is_one or not (self._any_host or host in self._hosts or host.endswith(self._suffixes)):
            raise HttpError(400, "invalid_host", "The Host header is not one of this service's allowed hosts.")

    def error_response(self, context: RequestContext, error: Exception, *, started: bool = False) -> ApiResponse:
        """Response for an exception; logged if it is unexpected, or if the response had already started."""
        if started or not isinstance(error, EXPECTED):
            log.error("request_failed", request_id=context.request_id, **_traceback_of(error))
        context.problem = problem_code(error)
        return context.rules.refusal(context.request_id, error, context.problem_types)

    def finish(self, scope: Scope, context: RequestContext, route: str | None, status: int) -> None:
        """Report a finished request to `observe`; `route` is the path template, None if no route matched."""
        route = context.rules.route or route
        request = (context.request_id, scope["method"], route, status, monotonic() - context.arrived)
        caller = (context.fleet, context.principal.key_id, context.address, context.author)
        self._observe(RequestRecord(*request, *caller, context.problem))


def _is_repeated(name: bytes, scope: Scope, context: RequestContext) -> bool:
    headers = scope["headers"]
    return len(headers) > len(context.headers) and [known for known, _ in headers].count(name) > 1


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and (port.isdecimal() or not port) else host


def _is_cross_site(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser sends this for a page of another origin; other clients send neither header.

    Requests without a body need no CORS preflight (Fetch standard, CORS-safelisted requests), so without
    authentication any web page could drain a pool.
    """
    if headers.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none"):
        return True
    origin = headers.get(b"origin")
    return origin is not None and origin.partition(b"://")[2].lower() != headers.get(b"host", b"").lower()


_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")


def _request_id(headers: Mapping[bytes, bytes]) -> str:
    """The client's X-Request-Id if it is well-formed, otherwise a new id."""
    text = headers.get(b"x-request-id")
    return text.decode() if text and _REQUEST_ID.match(text) else randbytes(8).hex()


def _traceback_of(error: Exception) -> dict[str, object]:
    """Type and traceback of an exception, without its message and variables, which may contain input or secrets."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return {"error": type(error).__name__, "traceback": lines[-12:]}


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
