"""Plain bodies: requests in a plain form, read by a regular expression instead of a JSON parser.

The plain form has its members in one order and names without escapes: of a session `session_id`; of an operation
`session_id`, `session_type` (of an assign) and `lease_seconds`, with at most eight digits before and six after the
point; of a heartbeat `pool_id`, `ttl_seconds` and, if any, `count` and `quality`. Whatever it accepts, the model of the
body accepts with the same values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

from pydantic import BaseModel

from slta.api.pool_schemas import MAX_POOLS, PlainHeartbeats
from slta.api.schemas import MAX_OPERATIONS
from slta.core.session_types import DEFAULT_TYPE
from slta.models.heartbeats import NO_COUNT, NO_QUALITY, Heartbeat
from slta.parsing import NAME_PATTERN
from slta.store import OperationRequest
from slta.store.sessions import type_option

MAX_BYTES = 256 * 1024
"""A longer body is left to the JSON parser. The expressions take at most 2 ms for one of this length."""


class PlainOperations(NamedTuple):
    """Operations of a batch, as `OperationsBody` has them."""

    requests: list[OperationRequest]


def plain_session_reader(model: type[BaseModel]) -> Callable[[bytes], SimpleNamespace | None]:
    """Reader of a body with nothing but a `session_id`: the fields of `model` with their defaults; None of others."""
    defaults = {name: field.default for name, field in model.model_fields.items() if name != "session_id"}

    def read(body: bytes) -> SimpleNamespace | None:
        found = _session(body)
        return SimpleNamespace(**defaults, session_id=found[1].decode()) if found else None

    return read


def read_plain_operations(body: bytes) -> PlainOperations | None:
    """Operations of a body; None if it is not in the plain form."""
    if _TYPE_MEMBER.encode() in body:
        rows = _typed_operations(body)
        found = [(kind, id_, lease, type_option(type_ or DEFAULT_TYPE)) for kind, id_, type_, lease in rows]
    else:
        found = _operations(body)
    return PlainOperations(found) if found else None


def read_plain_heartbeats(body: bytes) -> PlainHeartbeats | None:
    """Heartbeats of a body; None if it is not in the plain form, or not of different pools."""
    found = _heartbeats(body)
    if not found or len({pool_id for pool_id, *_ in found}) < len(found):
        return None
    rows = [(pool_id, ttl, count or NO_COUNT, None, quality or NO_QUALITY) for pool_id, ttl, count, quality in found]
    return PlainHeartbeats([Heartbeat(*row) for row in rows])


def _plain_form(member: str, item: str, most: int) -> Callable[[bytes], list[Any]]:
    """Reader of an object whose only member is a list: the groups of each item, nothing of a body in another form.

    A space of `item` stands for any JSON white space. None is at the end: searching for items must not try each blank.
    """
    items = re.sub(r"\((?!\?)", "(?:", rf"{item} (?:, {item} )*+")
    texts = (item, rf' {{ "{member}" : \[ {items}\] }} ')
    of_item, of_body = (re.compile(text.replace(" ", r"[ \t\n\r]*+")) for text in texts)

    def read(body: bytes) -> list[Any]:
        text = body.decode("latin-1")  # the expressions have ASCII only
        found = of_item.findall(text) if len(body) <= MAX_BYTES and of_body.fullmatch(text) else []
        return found if len(found) <= most else []

    return read


_NAME = NAME_PATTERN.strip("^$").replace("(", "(?:", 1)
_LEASE = r"0|[1-9][0-9]{0,7}(?:\.[0-9]{1,6})?"
_TTL = "[2-9]|[1-9][0-9]{1,2}|[12][0-9]{3}|3[0-5][0-9]{2}|3600"
_COUNT = "[1-7][0-9]{3}|[1-9][0-9]{0,2}|0"
_QUALITY = r"(?:0|[1-9][0-9]{0,7})(?:\.[0-9]{1,12})?"
_TYPE_MEMBER = "session_type"
_KIND = r'assign|renew|complete(?="[^,}]*})'
"""`complete` has no second member."""
_TYPED_KIND = rf'assign|renew(?!"[^}}]*{_TYPE_MEMBER})|complete(?="[^,}}]*}})'
"""Only `assign` has a type."""
_ITEM = rf'{{ "({_KIND})" : {{ "session_id" : "({_NAME})" (?:, "lease_seconds" : ({_LEASE}) )?+}} }}()'
"""The groups are those of an `OperationRequest`; the last one, its option, is always empty."""
_TYPED_ITEM = (
    rf'{{ "({_TYPED_KIND})" : {{ "session_id" : "({_NAME})" '
    rf'(?:, "{_TYPE_MEMBER}" : "({_NAME})" )?+(?:, "lease_seconds" : ({_LEASE}) )?+}} }}'
)
"""The same with types: the groups are kind, id, type and lease."""
_HEARTBEAT = (
    rf'{{ "pool_id" : "({_NAME})" , "ttl_seconds" : ({_TTL}) '
    rf'(?:, "count" : ({_COUNT}) (?:, "quality" : ({_QUALITY}) )?+)?+}}'
)
_session = re.compile(rf'{{ "session_id" : "({_NAME})" }} '.replace(" ", r"[ \t\n\r]*+").encode()).fullmatch
_operations = _plain_form("operations", _ITEM, MAX_OPERATIONS)
_typed_operations = _plain_form("operations", _TYPED_ITEM, MAX_OPERATIONS)
_heartbeats = _plain_form("heartbeats", _HEARTBEAT, MAX_POOLS)
