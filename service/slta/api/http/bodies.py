"""Request bodies: read within limits of size and time, parsed and validated; checks of Accept and the query before.

No callback of the event loop takes more than 20 ms of CPU time. So `[`, `{` and `,` are counted before anything is
parsed, an object has at most 20 members, unless the route has `body_members`, a list is validated up to its first
invalid element, and large bodies are parsed in the worker thread.

There is a single worker thread, with a FIFO queue, for whatever would block the event loop. Several would compete for
the GIL, and the event loop would wait for each of them; with one it waits at most 5 ms (`sys.getswitchinterval`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any, ParamSpec, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from slta.api.http.guards import RequestContext
from slta.api.http.responses import CLOSE, HttpError
from slta.api.http.route_options import KIB, UNCOUNTED_BYTES, RouteOptions
from slta.parsing import explain
from slta.parsing.strict_json import MAX_MEMBERS, InvalidJsonError, parse

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


INLINE_BYTES = 64 * KIB
INLINE_PARTS = 4096
"""Limits up to which a body is parsed in the event loop: at most 5 ms; the worker thread adds 0.1 ms."""


ReadPlain = Callable[[bytes], object | None]
"""Fast reader of a body's plain form: an object with the attributes that the endpoint uses, None for other forms."""


class BodyParser:
    """Parses the bodies of one route."""

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - a type, or one that is annotated
        route_options: RouteOptions,
        read_plain: ReadPlain | None = None,
    ) -> None:
        """`model` is the type of the body, a JSON object."""
        self._read_plain = read_plain
        self._adapter = TypeAdapter(model)
        self._validate = self._adapter.validator.validate_python
        self._route_options = route_options

    async def receive(
        self, context: RequestContext, query: bytes, body: bytes | Receive, reserve: Reserve, known: Known = ()
    ) -> Any:  # noqa: ANN401 - as `read`
        """Check Accept and the query; read the body and parse it."""
        check_accept(context, self._route_options.offers)
        check_query(query, known)
        return await self.read(await read_body(context, body, self._route_options.body_bytes, reserve))

    async def read(self, body: bytes) -> Any:  # noqa: ANN401 - the model, or what stands for it
        """Same as `parse`, for bodies of any size."""
        plain = self._read_plain(body) if self._read_plain else None
        if plain:
            return plain
        if len(body) <= UNCOUNTED_BYTES:
            return self.parse(body)
        parts = body.count(b",") + body.count(b"{") + body.count(b"[")
        if parts > self._route_options.body_parts:
            detail = "the body has too many lists, objects and members for this call: at most {} of [ {{ and ,"
            raise self._route_options.validation_error(detail.format(self._route_options.body_parts))
        if len(body) <= INLINE_BYTES and parts <= INLINE_PARTS:
            return self.parse(body)
        return await in_worker(self.parse, body)

    def parse(self, body: bytes) -> BaseModel:
        """Model of a body; without a body, that of {}. 400 for invalid JSON, otherwise see `validation_error`."""
        try:
            value = parse(body, self._route_options.body_members) if body else {}
            if not isinstance(value, dict):
                raise self._route_options.validation_error("the body must be an object")
            if len(value) > MAX_MEMBERS:
                raise self._route_options.validation_error(f"the body has more than {MAX_MEMBERS} members")
            model: BaseModel = self._validate(value)
            return model
        except InvalidJsonError as error:
            raise HttpError(400, "invalid_json", f"{error}.") from None
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            raise self._route_options.validation_error(explain(details, self._schema)) from None

    @cached_property
    def _schema(self) -> Mapping[str, Any]:
        """JSON schema of the model, for suggestions; at most 6 ms at the first error."""
        return self._adapter.json_schema()


Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_thread = ThreadPoolExecutor(1, "worker")


async def in_worker(work: Callable[Arguments, Result], *args: Arguments.args, **options: Arguments.kwargs) -> Result:
    """Run `work` in the thread; it must not share mutable state with the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_thread, partial(work, *args, **options))
