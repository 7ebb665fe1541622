"""Who gets a place, and who makes room."""

from __future__ import annotations

import re
from typing import Any

import pytest

from slta.server.connection_limits import AdmissionControl, ConnectionLimits, address_key
from tests.server.wire import connected, quiet

PROXY = "10.0.0.1"
GET = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
OPEN = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"


def places(most: int) -> tuple[AdmissionControl[str], list[str]]:
    """Places, and who had to leave; the proxy is trusted."""
    ended: list[str] = []
    return AdmissionControl(most, ended.append, lambda address: address == PROXY), ended


def work(room: AdmissionControl[str], *occupants: str) -> None:
    for who in occupants:
        room.idle_list(who).pop(who)


def fill(room: AdmissionControl[str], *occupants: str) -> list[bool]:
    """Each from an address of its own, but those of the proxy."""
    return [room.admit(who, PROXY if who.startswith("p") else f"10.1.0.{who}") for who in occupants]


def test_the_longest_idle_makes_room() -> None:
    room, ended = places(4)
    assert fill(room, "1", "2", "3", "4") == [True] * 4
    work(room, "1")
    work(room, "3")
    room.mark_idle("3")
    assert fill(room, "5", "6", "7") == [True] * 3
    assert ended == ["2", "4", "3"]
    assert len(room) == 4


def test_those_of_trusted_proxies_make_room_last() -> None:
    room, ended = places(4)
    fill(room, "p1", "p2", "1", "2", "3", "4")
    assert ended == ["1", "2"]
    work(room, "3")
    work(room, "4")
    fill(room, "5")
    assert ended[2:] == ["p1"]


def test_one_address_has_at_most_half_and_its_own_make_room_for_more() -> None:
    room, ended = places(8)
    fill(room, "1")
    assert [room.admit(f"a{k}", "10.2.0.1") for k in range(6)] == [True] * 6
    assert ended == ["a0", "a1"]
    assert len(room) == 5


def test_a_trusted_proxy_may_have_all() -> None:
    room, ended = places(8)
    assert fill(room, *(f"p{k}" for k in range(8))) == [True] * 8
    assert ended == []


def test_where_nobody_is_idle_a_few_come_in_without_a_place() -> None:
    room, ended = places(16)
    fill(room, *(str(k) for k in range(16)))
    work(room, *(str(k) for k in range(16)))
    assert fill(room, "21", "22") == [False, False]
    assert ended == []
    assert fill(room, "23", "24") == [False, False]
    assert ended == ["21", "22"], "there is room for two"
    assert len(room) == 18


def test_an_address_at_its_share_whose_connections_all_work_gets_no_place() -> None:
    room, ended = places(4)
    room.admit("a", "10.2.0.1")
    room.admit("b", "10.2.0.1")
    work(room, "a", "b")
    assert room.admit("c", "10.2.0.1") is False
    assert room.admit("d", "10.2.0.1") is False, "and c had none either"
    assert ended == ["c"]
    assert fill(room, "1") == [True]


def test_a_place_is_free_when_its_connection_has_left() -> None:
    room, ended = places(2)
    fill(room, "1", "2")
    room.release("1")
    room.release("1")
    room.mark_idle("1")
    assert fill(room, "3") == [True]
    assert (ended, len(room), list(room._idle)) == ([], 2, ["2", "3"])
    assert [room.admit(who, "10.1.0.1") for who in "45"] == [True, True]
    assert ended == ["2", "4"], "what address 1 had had is forgotten"


def test_nobody_makes_room_where_nobody_is() -> None:
    room, ended = places(2)
    assert room.evict_idle() is False
    assert ended == []


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("::1", "::2", False),
    ],
)
def test_of_an_ipv6_address_64_bits_count(one: str, other: str, is_same: bool) -> None:
    assert (address_key(one) == address_key(other)) == is_same


class Room:
    """A few connections of one process."""

    def __init__(self, most: int) -> None:
        self.refused: list[str] = []
        self.limits = ConnectionLimits(
            max_connections=most,
            idle_timeout_seconds=65,
            header_timeout_seconds=10,
            refused=self.refused.append,
            is_trusted=lambda _: True,
        )

    def connect(self) -> Any:
        return connected(self.limits)


async def test_a_connection_is_idle_between_its_requests_and_while_its_head_is_open() -> None:
    room = Room(1)
    wire = room.connect()
    idle = room.limits.connections.idle_list(wire.protocol)
    assert list(idle) == [wire.protocol]
    wire.arrive(GET + b"GET")
    assert list(idle) == []
    await quiet()
    assert list(idle) == [wire.protocol]
    wire.close()
    wire.protocol.connection_lost(None)
    wire.protocol.on_response_complete()
    assert (list(idle), len(room.limits.connections)) == ([], 0), "what comes late does not bring it back"


async def test_a_connection_that_is_ending_is_idle() -> None:
    room = Room(1)
    wire = room.connect()
    wire.arrive(OPEN.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"x\r\n")
    assert wire.is_closing()
    await quiet()
    assert list(room.limits.connections.idle_list(wire.protocol)) == [wire.protocol]


async def test_one_that_is_idle_ends_when_another_comes() -> None:
    room = Room(1)
    first = room.connect()
    second = room.connect()
    assert (first.is_closing(), second.is_closing()) == (True, False)
    assert room.refused == ["evicted"]


@pytest.mark.parametrize(("path", "status"), [(b"/a", b"503"), (b"/healthz", b"200"), (b"/readyz?a", b"200")])
async def test_without_a_place_probes_are_answered_and_others_are_refused(path: bytes, status: bytes) -> None:
    room = Room(1)
    room.connect().arrive(OPEN)
    wire = room.connect()
    wire.arrive(GET.replace(b"/a", path))
    await quiet()
    assert re.findall(rb"HTTP/1.1 (\d+) ", wire.written) == [status]
    assert b"connection: close" in wire.written.lower()
    assert wire.is_closing()
    assert room.refused == (["too_many_connections"] if status == b"503" else [])


async def test_a_body_of_a_request_without_a_place_is_not_read() -> None:
    room = Room(1)
    room.connect().arrive(OPEN)
    wire = room.connect()
    wire.arrive(OPEN)
    wire.arrive(b"abcde" + GET)
    await quiet()
    assert re.findall(rb"HTTP/1.1 (\d+) ", wire.written) == [b"503"]
