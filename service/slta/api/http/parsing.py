"""Parsing of requests: Accept, query and body, from bytes to a validated model, without blocking the event loop.

No callback of the event loop takes more than 20 ms of CPU time. So `[`, `{` and `,` are counted before anything is
parsed, an object has at most 20 members, unless the route has `body_members`, a list is validated up to its first
invalid element, and large bodies are parsed in the worker thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.types import Receive

from slta.api.http.bodies import Known, Reserve, check_accept, check_query, read_body
from slta.api.http.context import RequestContext
from slta.api.http.problems import HttpError
from slta.api.http.route_options import KIB, UNCOUNTED_BYTES, RouteOptions
from slta.api.http.worker import in_worker
from slta.parsing import explain
from slta.parsing.strict_json import MAX_MEMBERS, InvalidJsonError, parse

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
