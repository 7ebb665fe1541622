"""The request context: one object per request, filled in by the guard and the authorizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Scope

from slta.api.http.problems import URN
from slta.api.http.route_rules import COMMON, RouteRules
from slta.auth.keys import ANONYMOUS, Principal
from slta.models.request_record import Author

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
