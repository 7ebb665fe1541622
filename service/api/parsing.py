"""Parsing of bodies: from bytes to a validated model, within what one turn of the event loop may take.

No callback of the event loop takes more than 20 ms of CPU time. So `[`, `{` and `,` are counted before anything is
parsed, an object has at most 20 members, a list is validated up to its first wrong element, and what is large is parsed
by the worker thread.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from service.api.problems import Refusal
from service.api.rules import KIB, UNCOUNTED_BYTES, Rules
from service.api.worker import in_worker
from service.reading import explain
from service.reading.strict_json import InvalidJson, parse

INLINE_BYTES = 64 * KIB
INLINE_PARTS = 4096
"""Bodies of at most so much are parsed in the event loop: it takes 5 ms at most, and a thread costs 0.1 ms."""


class BodyParser:
    """Parses the bodies of one route."""

    def __init__(self, model: Any, rules: Rules) -> None:  # noqa: ANN401 - a type, or one that is annotated
        """`model` is what a body must be, an object."""
        self._validate = TypeAdapter(model).validator.validate_python
        self._rules = rules

    async def read(self, body: bytes) -> BaseModel:
        """As `parse`, for bodies of any size."""
        if len(body) <= UNCOUNTED_BYTES:
            return self.parse(body)
        parts = body.count(b",") + body.count(b"{") + body.count(b"[")
        if parts > self._rules.body_parts:
            detail = "the body has more lists, objects and members than this call takes: at most {} of [ {{ and ,"
            raise self._rules.unfit(detail.format(self._rules.body_parts))
        if len(body) <= INLINE_BYTES and parts <= INLINE_PARTS:
            return self.parse(body)
        return await in_worker(self.parse, body)

    def parse(self, body: bytes) -> BaseModel:
        """The model that a body is; without a body, that of {}. 400 for what is not strict JSON, else as `unfit`."""
        try:
            value = parse(body) if body else {}
            if not isinstance(value, dict):
                raise self._rules.unfit("the body must be an object")
            model: BaseModel = self._validate(value)
            return model
        except InvalidJson as error:
            raise Refusal(400, "invalid_json", f"{error}.") from None
        except ValidationError as error:
            raise self._rules.unfit(explain(error.errors(include_url=False, include_input=False))) from None
