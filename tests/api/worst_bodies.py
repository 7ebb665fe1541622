"""The worst bodies that a call can be sent: the largest that it takes, and those that are slow to refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from slta.core.limits import MAX_CLASSES, MAX_LEVELS
from slta.parsing.strict_json import MAX_MEMBERS, MAX_NUMBER

KIB = 1024
MAX_TYPES = 3000
"""Types in a body that is parsed in the event loop."""
IDS = [f"{'s' * 124}{number:04d}" for number in range(8192)]
"""Ids of the greatest length."""


class Call(NamedTuple):
    """A call with a body: where it goes below a fleet's URL, its largest body in KiB, and a field of it."""

    method: str
    path: str
    kib: int
    field: str


CALLS = (
    Call("POST", "/assign", 64, "session_id"),
    Call("POST", "/complete", 64, "session_id"),
    Call("PUT", "/sessions/a", 64, "pool_id"),
    Call("PUT", "/pools/x", 64, "pool_class"),
    Call("PUT", "", 256, "classes"),
    Call("POST", "/renew", 1024, "session_ids"),
    Call("POST", "/operations", 1024, "operations"),
    Call("POST", "/pools", 1024, "pools"),
    Call("PUT", "/pools/small-1/sessions", 1024, "session_ids"),
    Call("POST", "/pools/small-1/undrain", 64, "none"),
)

Build = Callable[[str, int], bytes]
"""Makes a body of a field and a size in bytes."""


def _repeated(item: str) -> Build:
    def build(field: str, size: int) -> bytes:
        head, tail = f'{{"{field}": ['.encode(), b"1]}"
        return head + item.encode() * ((size - len(head) - len(tail)) // len(item.encode())) + tail

    return build


def _members(_field: str, size: int) -> bytes:
    return b"{" + b",".join(b'"%06d":1' % number for number in range((size - 2) // 11)) + b"}"


def _text(field: str, size: int, letter: str) -> bytes:
    head = f'{{"{field}": "'.encode()
    return head + letter.encode() * ((size - len(head) - 2) // len(letter.encode())) + b'"}'


REFUSED: dict[str, Build] = {
    "lists": _repeated("[],"),
    "objects": _repeated("{},"),
    "full objects": _repeated("{" + ",".join(f'"{k}":1' for k in range(MAX_MEMBERS)) + "},"),
    "fractions": _repeated("1.5,"),
    "integers": _repeated("7,"),
    "texts": _repeated('"\\u0041",'),
    "long integers": _repeated("9" * MAX_NUMBER + ","),
    "integers that are too long": _repeated("9" * 4300 + ","),
    "long fractions": _repeated("1." + "9" * (MAX_NUMBER - 2) + ","),
    "nesting": _repeated("["),
    "nested objects": _repeated('{"a":'),
    "unknown members": _members,
    "a text in escapes": lambda field, size: _text(field, size, "\\u0041"),
    "a text of line ends": lambda field, size: _text(field, size, "\\n"),
    "a text beyond the basic plane": lambda field, size: _text(field, size, "\U0001f600"),
    "a fraction without end": lambda field, size: b'{"%b": 1.%b}' % (field.encode(), b"1" * (size - 40)),
    "an exponent without end": lambda field, size: b'{"%b": 1e%b}' % (field.encode(), b"1" * (size - 40)),
    "blanks": lambda _, size: b" " * size,
    "blanks around": lambda _, size: b" " * (size // 2) + b"{}" + b" " * (size // 2 - 2),
    "not JSON": lambda _, size: b"x" * size,
}


LEASE = 12345678.123456789


def operations_of(kind: str) -> bytes:
    """The largest call of many operations of one kind."""
    lease = {} if kind == "complete" else {"lease_seconds": LEASE}
    return compact({"operations": [{kind: {"session_id": id_, **lease}} for id_ in IDS[:1000]]})


def spaced_out(size: int) -> bytes:
    """One operation with white space at every place where JSON allows it."""
    text = '{ "operations" : [ { "assign" : { "session_id" : "spaced" } } ] }'
    return f" {text} ".replace(" ", " " * (size // 16)).encode()


def largest_fleet(pools: int) -> bytes:
    """64 tables of 257 values each, and `pools` pools."""
    levels, each = MAX_LEVELS // MAX_CLASSES, pools // MAX_CLASSES
    values = ",".join(f"{1000 * x - x * x}.{x:03d}125" for x in range(1, levels + 1))
    classes = (
        f'{{"name":"c{k:02d}","capacity":{levels},"pools":{each},"utility":{{"kind":"table","values":[0,{values}]}}}}'
        for k in range(MAX_CLASSES)
    )
    return f'{{"classes":[{",".join(classes)}]}}'.encode()


TAKEN: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "1,000 assigns": ("POST", "/operations", lambda: operations_of("assign")),
    "1,000 renewals": ("POST", "/operations", lambda: operations_of("renew")),
    "1,000 completes": ("POST", "/operations", lambda: operations_of("complete")),
    "an operation in blanks": ("POST", "/operations", lambda: spaced_out(250_000)),
    "1,000 leases": ("POST", "/renew", lambda: compact({"session_ids": IDS[:1000], "lease_seconds": LEASE})),
    "1,000 ids in escapes": ("POST", "/renew", lambda: compact({"session_ids": IDS[:1000]}).replace(b"s", b"\\u0073")),
    "1,000 pools": (
        "POST",
        "/pools",
        lambda: compact({"pools": [{"pool_id": id_, "pool_class": "small"} for id_ in IDS[:1000]]}),
    ),
}
"""What is taken, by a title: the method, where it goes below a fleet's URL, and the body."""


def unknown_in_operations(members: int) -> bytes:
    """A thousand operations, each with so many unknown members."""
    return compact({"operations": [{"assign": {f"m{k}": 1 for k in range(members)}}] * 1000})


def mistaken_fleet() -> bytes:
    """As many mistakes as a fleet file can have."""
    unknown = {f"m{k}": 1 for k in range(MAX_MEMBERS - 2)}
    return compact({"classes": [{"utility": {"kind": "table", **unknown}, **unknown}] * MAX_CLASSES})


def refused_bodies() -> dict[str, tuple[str, str, Callable[[], bytes]]]:
    """What is refused, as `TAKEN`."""
    found: dict[str, tuple[str, str, Callable[[], bytes]]] = {
        f"{call.method} {call.path} {title}": (call.method, call.path, partial(build, call.field, call.kib * KIB))
        for call in CALLS
        for title, build in REFUSED.items()
    }
    for members in (1, MAX_MEMBERS, 80):
        title, build_one = f"{members} unknown members in each of 1,000", partial(unknown_in_operations, members)
        found[title] = ("POST", "/operations", build_one)
    ids = [f"s{k}" for k in range(MAX_TYPES)]
    typed: dict[str, dict[str, object]] = {
        "types that are no names": {"session_types": dict.fromkeys(ids, "no name")},
        "types of nobody": {"session_types": dict.fromkeys(ids, "video")},
        "as many unknown members": dict.fromkeys(ids, 1),
    }
    for title, more in typed.items():
        body = {"session_ids": [], "as_of": "1:1", **more}
        found[title] = ("PUT", "/pools/small-1/sessions", partial(compact, body))
    return found | {"a fleet of mistakes": ("PUT", "", mistaken_fleet)}


def compact(value: object) -> bytes:
    """JSON without blanks."""
    return json.dumps(value, separators=(",", ":")).encode()
