"""What every request passes first: its id, its path, its Host; and the one place where errors become answers."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from random import randbytes
from time import monotonic

import structlog
from starlette.types import Scope

from service.api.answers import Answer
from service.api.context import RequestContext
from service.api.forwarding import TrustedProxies
from service.api.problems import EXPECTED, Refusal, problem_of
from service.requests import RequestRecord

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
"""They change nothing (RFC 9110, 9.2.1)."""

PROBES = ("/healthz", "/readyz")
"""Asked by address, whatever the name of the service; they reveal nothing."""

log = structlog.get_logger(__name__)


class Door:
    """The door of one process. `scope` is the request in ASGI's words."""

    def __init__(
        self,
        allowed_hosts: Iterable[str],
        observe: Callable[[RequestRecord], None],
        proxies: TrustedProxies | None = None,
    ) -> None:
        """`allowed_hosts`: names without port; `*` for any, `*.example.org` for its subdomains.

        `observe` hears of every request that was answered, or whose client left.
        """
        names = [name.lower() for name in allowed_hosts]
        self._observe = observe
        self._proxies = proxies
        self._hosts = frozenset(name for name in names if not name.startswith("*"))
        self._suffixes = tuple(name[1:] for name in names if name.startswith("*."))
        self._any_host = "*" in names

    def context(self, scope: Scope) -> RequestContext:
        """What is known of a request that arrives now."""
        headers, client = dict(scope["headers"]), scope.get("client")
        address = str(client[0]) if client else ""
        if self._proxies:
            forwarded = headers.get(b"x-forwarded-for", b"")
            address = self._proxies.client_of(address, forwarded.decode("latin-1"))
        return RequestContext(_request_id(headers), headers, address, monotonic())

    def check(self, scope: Scope, context: RequestContext) -> None:
        """Refuse what no route would take: 400 or 403."""
        if _is_repeated(b"authorization", scope, context):
            raise Refusal(400, "repeated_authorization", "There may be one Authorization header: which one counts?")
        if b"%" in scope["raw_path"] and b"%2f" in scope["raw_path"].lower():
            raise Refusal(400, "escaped_slash", "%2F in a path would be one / here and none for a proxy: send neither.")
        if scope["path"] not in PROBES and not self._host_allowed(scope, context):
            raise Refusal(400, "invalid_host", "This service has another name: see its allowed hosts.")
        if scope["method"] not in SAFE_METHODS and _is_cross_site(context.headers):
            raise Refusal(403, "cross_site", "A page of another site may not change anything here.")

    def _host_allowed(self, scope: Scope, context: RequestContext) -> bool:
        host = _without_port(context.header(b"host") or "").lower()
        if not host or _is_repeated(b"host", scope, context):
            return False
        return self._any_host or host in self._hosts or host.endswith(self._suffixes)

    def refuse(self, context: RequestContext, error: Exception, *, begun: bool = False) -> Answer:
        """The answer to a request that ended in an error; the log has what was not expected, or came too late."""
        if begun or not isinstance(error, EXPECTED):
            log.error("request_failed", request_id=context.request_id, **_where(error))
        return problem_of(context.request_id, error)

    def leave(self, scope: Scope, context: RequestContext, route: str | None, status: int) -> None:
        """Tell whoever observes; `route` is the path's template, None where none matched."""
        seconds = monotonic() - context.arrived
        about = (status, seconds, context.fleet, context.caller.key_id, context.shed, context.address, context.author)
        self._observe(RequestRecord(context.request_id, scope["method"], route, *about))


def _is_repeated(name: bytes, scope: Scope, context: RequestContext) -> bool:
    headers = scope["headers"]
    return len(headers) > len(context.headers) and [known for known, _ in headers].count(name) > 1


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and (port.isdecimal() or not port) else host


def _is_cross_site(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser sends this for a page of another origin; other clients send neither header.

    Calls without a body need no leave from the service first (Fetch standard, CORS-safelisted requests), and where
    no key is needed any page could otherwise drain a pool.
    """
    if headers.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none"):
        return True
    origin = headers.get(b"origin")
    return origin is not None and origin.partition(b"://")[2].lower() != headers.get(b"host", b"").lower()


_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")


def _request_id(headers: Mapping[bytes, bytes]) -> str:
    """The client's own, when it is harmless, else a new one."""
    text = headers.get(b"x-request-id")
    return text.decode() if text and _REQUEST_ID.match(text) else randbytes(8).hex()


def _where(error: Exception) -> dict[str, object]:
    """The kind of an error and the lines it passed; its text and variables may hold what was sent, or a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return {"error": type(error).__name__, "traceback": lines[-12:]}
