"""Requests of the session endpoints as bytes, as a client writes them on its connection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

JSON = "application/json"
Talk = tuple[bytes, ...]
"""Pieces that a client sends on one connection, one after the other."""


def encode(method: str, path: str, body: bytes, headers: Mapping[str, str], changes: Mapping[str, str]) -> bytes:
    """A request. `changes` of headers by name with `_` for `-`; '' leaves one out."""
    given = {name.replace("_", "-").lower(): value for name, value in changes.items()}
    shown = [f"{name}: {value}" for name, value in {**headers, **given}.items() if value]
    return "\r\n".join([f"{method} /v1/fleets/{path} HTTP/1.1", *shown, "", ""]).encode("latin-1") + body


def call(path: str, body: bytes | str | dict[str, Any] = b"", *, method: str = "POST", **headers: str) -> bytes:
    """A request of a client. `headers` as in `encode`."""
    content = json.dumps(body) if isinstance(body, dict) else body
    sent = content.encode() if isinstance(content, str) else content
    lines = {"host": "localhost", "content-length": str(len(sent))}
    lines |= {"content-type": JSON} if sent else {}
    return encode(method, path, sent, lines, headers)


def assign(session_id: str, **headers: str) -> bytes:
    return call("f/assign", {"session_id": session_id}, **headers)


def complete(session_id: str, **headers: str) -> bytes:
    return call("f/complete", {"session_id": session_id}, **headers)


def last(request: bytes) -> bytes:
    """The request, and that the connection may end."""
    return request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


def in_one(*requests: bytes) -> Talk:
    """Requests in one piece, without waiting for answers."""
    return (b"".join([*requests[:-1], last(requests[-1])]),)
