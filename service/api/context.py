"""What is known of a request while it is answered: one object, which the layers in front of a route fill in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Scope

from service.access.keys import NOBODY, Caller
from service.requests import Author

SCOPE_KEY = "service.request"


@dataclass(slots=True)
class RequestContext:
    """A request. `headers` by their names in lower case; `address` '' where the socket has none.

    `arrived` is in seconds of the event loop's clock. `caller` and `fleet` are set by the gate: NOBODY and '' until
    then, and where a route asks for neither. `shed` says that the gate refused it because too much waits or is
    held. `author` is there once a route asks who changes a fleet. `held` and `spare` are the gate's: so many bytes of
    the body are counted, and for so many operations the rate was charged that the call is not known to have.
    """

    request_id: str
    headers: Mapping[bytes, bytes]
    address: str
    arrived: float
    caller: Caller = NOBODY
    fleet: str = ""
    shed: bool = False
    author: Author | None = None
    held: int = 0
    spare: int = 0

    def header(self, name: bytes) -> str | None:
        """The value of a header."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


def context_of(scope: Scope) -> RequestContext:
    """What `edge` has put into the scope."""
    context: RequestContext = scope[SCOPE_KEY]
    return context
