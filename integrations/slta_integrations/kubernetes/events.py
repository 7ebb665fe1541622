"""Events of a watch, and the objects that they leave.

A watch is an endless body of JSON objects, one a line, that may be cut anywhere. What was received whole counts; the
next watch resumes at the last resource version, and after 410 Gone everything is listed anew (Kubernetes API concepts,
"Efficient detection of changes").
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import ValidationError

from slta.parsing import explain

T = TypeVar("T")

MAX_LINE_BYTES = 16 << 20
"""An object has at most some 3 MB, as the store of the API server takes no more."""
GONE = 410
MAX_VERSION_DIGITS = 100


class StreamError(Exception):
    """The stream cannot be continued; the objects must be listed anew."""


class ExpiredError(StreamError):
    """The API server no longer has the changes since this resource version: 410 Gone."""


def reason(error: Exception) -> str:
    """Why a call failed, or an object cannot be read, for people."""
    if isinstance(error, ValidationError):
        return explain(error.errors(include_input=False))
    return str(error) or type(error).__name__


class Event(NamedTuple):
    """`kind` is ADDED, MODIFIED, DELETED, BOOKMARK or ERROR; `item` the object, or the Status of an error."""

    kind: str
    item: Mapping[str, Any]


class Lines:
    """Splits received bytes into lines. What follows the last line's end waits, and is lost with the connection."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, received: bytes) -> Iterator[bytes]:
        """The lines that are complete now. Raises StreamError for a line over `MAX_LINE_BYTES`."""
        *lines, self._rest = (self._rest + received).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            raise StreamError(f"a line of a watch has over {MAX_LINE_BYTES} bytes")
        return (line for line in lines if line.strip())


def decode(line: bytes) -> Event:
    """The event of a line. Raises ExpiredError for an ERROR with 410, StreamError for others and for what is none."""
    try:
        body = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise StreamError(f"a line of a watch is not JSON: {error}") from None
    match body:
        case {"type": "ERROR", "object": dict(status)}:
            reason = f"{status.get('code')}: {status.get('message')}"
            raise ExpiredError(reason) if status.get("code") == GONE else StreamError(reason)
        case {"type": str(kind), "object": dict(item)}:
            return Event(kind, item)
    raise StreamError("a line of a watch is not an event")


class _Held(NamedTuple, Generic[T]):
    version: int
    value: T


class Objects(Generic[T]):
    """Objects of one kind in one namespace, by name.

    An event that is older than what is held changes nothing. Resource versions are compared where both are decimal, as
    Kubernetes documents since 1.35 and etcd always made them; others count as newer.
    """

    def __init__(self, parse: Callable[[Mapping[str, Any]], T]) -> None:
        """`parse` makes the value of an object; it raises ValueError for what it cannot read."""
        self._parse = parse
        self._held: dict[str, _Held[T]] = {}
        self.resource_version = ""

    @property
    def values(self) -> Iterator[T]:
        """What the objects say."""
        return (held.value for held in self._held.values())

    def replace(self, items: Iterable[Mapping[str, Any]], resource_version: str) -> None:
        """Put a complete list in the place of all. Raises StreamError, without a change."""
        self._held = {_meta(item, "name"): self._read(item) for item in items}
        self.resource_version = resource_version

    def apply(self, event: Event) -> bool:
        """Apply an event and move the resource version; whether an object changed. Raises StreamError."""
        name, changed = _meta(event.item, "name"), False
        if event.kind in {"ADDED", "MODIFIED", "DELETED"} and not self._is_old(name, event.item):
            changed = True
            if event.kind == "DELETED":
                changed = self._held.pop(name, None) is not None
            else:
                self._held[name] = self._read(event.item)
        self.resource_version = _meta(event.item, "resourceVersion") or self.resource_version
        return changed

    def _is_old(self, name: str, item: Mapping[str, Any]) -> bool:
        held, version = self._held.get(name), version_of(item)
        return held is not None and 0 < version < held.version

    def _read(self, item: Mapping[str, Any]) -> _Held[T]:
        try:
            return _Held(version_of(item), self._parse(item))
        except ValueError as error:
            raise StreamError(f"an object cannot be read: {reason(error)}") from None


def version_of(item: Mapping[str, Any]) -> int:
    """Resource version as a number; 0 where it is none, or absurdly long."""
    text = _meta(item, "resourceVersion")
    return int(text) if text.isdecimal() and len(text) <= MAX_VERSION_DIGITS else 0


def _meta(item: Mapping[str, Any], key: str) -> str:
    metadata = item.get("metadata")
    return str(metadata.get(key) or "") if isinstance(metadata, dict) else ""
