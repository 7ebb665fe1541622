"""Plain operations: a batch body in its plain form, read by one regular expression instead of a JSON parser.

The plain form has the members `session_id`, `session_type` (of an assign) and `lease_seconds` in this order, names
without escapes, and leases of at most eight digits before and six after the point. Whatever it accepts,
`OperationsBody` accepts with the same values.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from slta.api.schemas import MAX_OPERATIONS
from slta.core.session_types import DEFAULT_TYPE
from slta.parsing import NAME_PATTERN
from slta.store import OperationRequest
from slta.store.sessions import type_option

MAX_BYTES = 256 * 1024
"""A longer body is left to the JSON parser. The expressions take at most 2 ms for one of this length."""


class PlainOperations(NamedTuple):
    """Operations of a batch, as `OperationsBody` has them."""

    requests: list[OperationRequest]


def read_plain_operations(body: bytes) -> PlainOperations | None:
    """Operations of a body; None if it is not in the plain form."""
    text = body.decode("latin-1")  # the expression has ASCII only
    has_types = _TYPE_MEMBER in text
    if len(body) > MAX_BYTES or not (_TYPED_BODY if has_types else _BODY).fullmatch(text):
        return None
    requests = _typed_requests(text) if has_types else _OPERATION.findall(text)
    return PlainOperations(requests) if len(requests) <= MAX_OPERATIONS else None


def _typed_requests(text: str) -> list[OperationRequest]:
    found = _TYPED_OPERATION.findall(text)
    return [(kind, id_, lease, type_option(type_ or DEFAULT_TYPE)) for kind, id_, type_, lease in found]


_NAME = NAME_PATTERN.strip("^$").replace("(", "(?:", 1)
_KIND = r'assign|renew|complete(?="[^,}]*})'
"""`complete` has no second member."""
_TYPE_MEMBER = "session_type"
_TYPED_KIND = rf'assign|renew(?!"[^}}]*{_TYPE_MEMBER})|complete(?="[^,}}]*}})'
"""Only `assign` has a type."""
_LEASE = r"0|[1-9][0-9]{0,7}(?:\.[0-9]{1,6})?"
_ITEM = rf'{{ "({_KIND})" : {{ "session_id" : "({_NAME})" (?:, "lease_seconds" : ({_LEASE}) )?+}} }}()'
"""A space stands for any JSON white space. None is at an end: searching for items must not try each blank.

The groups are those of an `OperationRequest`; the last one, its option, is always empty.
"""
_TYPED_ITEM = (
    rf'{{ "({_TYPED_KIND})" : {{ "session_id" : "({_NAME})" '
    rf'(?:, "{_TYPE_MEMBER}" : "({_NAME})" )?+(?:, "lease_seconds" : ({_LEASE}) )?+}} }}'
)
"""The same with types: the groups are kind, id, type and lease."""


def _compile(expression: str) -> re.Pattern[str]:
    return re.compile(expression.replace(" ", r"[ \t\n\r]*+"))


def _body_of(item: str) -> re.Pattern[str]:
    items = re.sub(r"\((?!\?)", "(?:", rf"{item} (?:, {item} )*+")
    return _compile(rf' {{ "operations" : \[ {items}\] }} ')


_OPERATION, _BODY = _compile(_ITEM), _body_of(_ITEM)
_TYPED_OPERATION, _TYPED_BODY = _compile(_TYPED_ITEM), _body_of(_TYPED_ITEM)
