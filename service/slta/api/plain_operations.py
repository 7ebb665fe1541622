"""Plain operations: a batch body in its plain form, read by one regular expression instead of a JSON parser.

The plain form has the members `session_id` and `lease_seconds` in this order, ids without escapes, and leases of at
most eight digits before and six after the point. Whatever it accepts, `OperationsBody` accepts with the same values.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from slta.api.schemas import MAX_OPERATIONS
from slta.parsing import NAME_PATTERN
from slta.store import OperationRequest

MAX_BYTES = 256 * 1024
"""A longer body is left to the JSON parser. The expressions take at most 2 ms for one of this length."""


class PlainOperations(NamedTuple):
    """Operations of a batch, as `OperationsBody` has them."""

    requests: list[OperationRequest]


def read_plain_operations(body: bytes) -> PlainOperations | None:
    """Operations of a body; None if it is not in the plain form."""
    text = body.decode("latin-1")  # the expression has ASCII only
    if len(body) > MAX_BYTES or not _BODY.fullmatch(text):
        return None
    requests = _OPERATION.findall(text)
    return PlainOperations(requests) if len(requests) <= MAX_OPERATIONS else None


_NAME = NAME_PATTERN.strip("^$").replace("(", "(?:", 1)
_KIND = r'assign|renew|complete(?="[^,}]*})'
"""`complete` has no second member."""
_LEASE = r"0|[1-9][0-9]{0,7}(?:\.[0-9]{1,6})?"
_ITEM = rf'{{ "({_KIND})" : {{ "session_id" : "({_NAME})" (?:, "lease_seconds" : ({_LEASE}) )?+}} }}()'
"""A space stands for any JSON white space. None is at an end: searching for items must not try each blank.

The groups are those of an `OperationRequest`; the last one, its option, is always empty.
"""
_ITEMS = re.sub(r"\((?!\?)", "(?:", rf"{_ITEM} (?:, {_ITEM} )*+")


def _compile(expression: str) -> re.Pattern[str]:
    return re.compile(expression.replace(" ", r"[ \t\n\r]*+"))


_OPERATION = _compile(_ITEM)
_BODY = _compile(rf' {{ "operations" : \[ {_ITEMS}\] }} ')
