"""Plain heartbeats: a body in its plain form, read by one regular expression instead of a JSON parser.

The plain form has the members `pool_id`, `ttl_seconds` and, if any, `count` in this order, and ids without escapes.
Whatever it accepts, `HeartbeatsBody` accepts with the same values.
"""

from __future__ import annotations

import re

from slta.api.pool_schemas import MAX_POOLS, HeartbeatColumns
from slta.models.heartbeats import NO_COUNT, Heartbeats
from slta.parsing import NAME_PATTERN

MAX_BYTES = 256 * 1024
"""A longer body is left to the JSON parser."""


def read_plain_heartbeats(body: bytes) -> HeartbeatColumns | None:
    """Heartbeats of a body; None if it is not in the plain form, or invalid."""
    text = body.decode("latin-1")  # the expression has ASCII only
    if len(body) > MAX_BYTES or not _BODY.fullmatch(text):
        return None
    ids, ttls, counts = zip(*_HEARTBEAT.findall(text), strict=True)
    if len(ids) > MAX_POOLS or len(set(ids)) < len(ids):
        return None
    return HeartbeatColumns(Heartbeats(ids, ttls, [count or NO_COUNT for count in counts]))


_NAME = NAME_PATTERN.strip("^$").replace("(", "(?:", 1)
_TTL = "[2-9]|[1-9][0-9]{1,2}|[12][0-9]{3}|3[0-5][0-9]{2}|3600"
_COUNT = "[1-7][0-9]{3}|[1-9][0-9]{0,2}|0"
_ITEM = rf'{{ "pool_id" : "({_NAME})" , "ttl_seconds" : ({_TTL}) (?:, "count" : ({_COUNT}) )?+}}'
"""A space stands for any JSON white space. None is at an end: searching for items must not try each blank."""
_ITEMS = re.sub(r"\((?!\?)", "(?:", rf"{_ITEM} (?:, {_ITEM} )*+")


def _compile(expression: str) -> re.Pattern[str]:
    return re.compile(expression.replace(" ", r"[ \t\n\r]*+"))


_HEARTBEAT = _compile(_ITEM)
_BODY = _compile(rf' {{ "heartbeats" : \[ {_ITEMS}\] }} ')
