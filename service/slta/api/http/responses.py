"""Responses without a web framework: status, headers and encoded body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import TypeAdapter

NO_HEADERS: Mapping[str, str] = MappingProxyType({})

SAFE_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
"""Security headers, unless a route sets its own."""


class ApiResponse(NamedTuple):
    """Response; `headers` without Content-Length and Content-Type. `content_type` is empty if the body is."""

    status: int
    body: bytes
    headers: Mapping[str, str] = NO_HEADERS
    content_type: str = "application/json"


@cache
def _writer(kind: type[Any]) -> Callable[[Any], bytes]:
    return TypeAdapter(kind).serializer.to_json


def as_json(value: object) -> bytes:
    """Encode a value of `slta.models`, or another dataclass, as JSON."""
    kind: Any = type(value)
    return _writer(kind)(value)


def response_with(value: object) -> ApiResponse:
    """Response with a value: 201 for a new placement or a new report, otherwise 200."""
    is_new = getattr(value, "replayed", None) is False or getattr(value, "outcome", None) == "new"
    return ApiResponse(201 if is_new else 200, as_json(value))


def is_known(etag: str, if_none_match: str | None) -> bool:
    """Whether If-None-Match has the ETag, so that the response is 304; compared weakly (RFC 9110, 13.1.2)."""
    known = {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")}
    return not known.isdisjoint({etag, "*"})


def encode_headers(response: ApiResponse, request_id: str) -> bytes:
    """Encode the header lines, in the same order as responses of the ASGI application."""
    own = "".join([f"{name.lower()}: {value}\r\n" for name, value in response.headers.items()])
    entity = f"content-length: {len(response.body)}\r\n"
    if response.content_type:
        entity += f"content-type: {response.content_type}\r\n"
    return f"{own}{entity}{_SAFE_LINES}x-request-id: {request_id}\r\n".encode("latin-1")


_SAFE_LINES = "".join([f"{name.decode()}: {value.decode()}\r\n" for name, value in SAFE_HEADERS])
