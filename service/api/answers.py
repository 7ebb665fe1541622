"""An answer, without a web framework: its status, its headers and its bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from service.values import Placement

NOTHING: Mapping[str, str] = MappingProxyType({})

SAFE_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
"""Set where a route has not set its own."""
_SAFE_NAMES = frozenset(name for name, _ in SAFE_HEADERS)


class Answer(NamedTuple):
    """What is sent back. `headers` are those that the length and the type of the body do not say."""

    status: int
    body: bytes
    headers: Mapping[str, str] = NOTHING
    content_type: str = "application/json"


_WRITERS: dict[type[Any], Callable[[Any], bytes]] = {}


def as_json(value: object) -> bytes:
    """A value of `service.values`, or another dataclass, as JSON."""
    kind = type(value)
    write = _WRITERS.get(kind)
    if write is None:
        write = _WRITERS[kind] = TypeAdapter(kind).serializer.to_json
    return write(value)


def answer_of(value: object) -> Answer:
    """201 for what was placed now, else 200."""
    return Answer(201 if isinstance(value, Placement) and not value.replayed else 200, as_json(value))


def headers_as_sent(answer: Answer, request_id: str) -> bytes:
    """The lines of an answer's headers, in the order in which every other answer has them."""
    own = "".join([f"{name.lower()}: {value}\r\n" for name, value in answer.headers.items()])
    what = f"content-length: {len(answer.body)}\r\ncontent-type: {answer.content_type}\r\n"
    return f"{own}{what}{_SAFE_LINES}x-request-id: {request_id}\r\n".encode("latin-1")


_SAFE_LINES = "".join([f"{name.decode()}: {value.decode()}\r\n" for name, value in SAFE_HEADERS])
