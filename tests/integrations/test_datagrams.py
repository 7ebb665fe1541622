"""The sockets: addresses, lines of datagrams, and what the kernel drops."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from slta.cli.error_messages import UserError
from slta_integrations.follow.datagrams import ListenAddress, Receiver, bind, parse_listen


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("udp://127.0.0.1:5140", ListenAddress("127.0.0.1", 5140)),
        ("udp://[::1]:5140", ListenAddress("::1", 5140)),
        ("unix:///run/slta/log.sock", ListenAddress("", 0, Path("/run/slta/log.sock"))),
    ],
)
def test_an_address_is_udp_or_a_path(text: str, address: ListenAddress) -> None:
    assert parse_listen(text) == address


@pytest.mark.parametrize(
    "text",
    [
        *("", "5140", "tcp://127.0.0.1:1", "udp://127.0.0.1", "udp://h:99999", "udp://:1", "udp://h:0"),
        *("unix://a/b", "udp://h:1/x"),
    ],
)
def test_others_are_refused_with_the_form(text: str) -> None:
    with pytest.raises(UserError, match="--listen: must be udp://ADDRESS:PORT or unix:///PATH"):
        parse_listen(text)


@pytest.fixture(params=["udp", "unix"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> ListenAddress:
    return ListenAddress("127.0.0.1", 0) if request.param == "udp" else ListenAddress("", 0, tmp_path / "s")


class Received:
    """A bound socket, and what was received on it."""

    def __init__(self, address: ListenAddress) -> None:
        self.socket = bind(address)
        self.lines: list[bytes] = []
        self.lost: list[int] = []
        self._receiver = Receiver(self.socket, self.lines.extend, self.lost.append)

    def send(self, *datagrams: bytes) -> None:
        with socket.socket(self.socket.family, socket.SOCK_DGRAM) as sender:
            for datagram in datagrams:
                sender.sendto(datagram, self.socket.getsockname())

    def receive(self) -> None:
        self._receiver.receive()


@pytest.fixture
def received(address: ListenAddress) -> Iterator[Received]:
    made = Received(address)
    yield made
    made.socket.close()


def test_each_line_of_each_datagram_is_received(received: Received) -> None:
    received.send(b"a", b"b\n", b"c\nd\n", b"e\0", b"", b"\n")
    received.receive()
    assert received.lines == [b"a", b"b", b"c", b"d", b"e"]


def test_a_datagram_of_the_largest_size_is_whole(received: Received) -> None:
    received.send(b"x" * 65_000)
    received.receive()
    assert received.lines == [b"x" * 65_000]


@pytest.mark.parametrize("address", ["udp"], indirect=True)
def test_what_the_kernel_drops_is_counted_with_the_next_datagram(received: Received) -> None:
    received.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    sent = 200
    received.send(*[b"x" * 500] * sent)
    received.receive()
    kept = len(received.lines)
    assert kept < sent
    received.send(b"next")
    received.receive()
    assert received.lines[kept:] == [b"next"]
    received.send(b"another")
    received.receive()
    assert received.lost == [sent - kept]


def test_a_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    address = ListenAddress("", 0, tmp_path / "s")
    bind(address).close()
    bind(address).close()


def test_a_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "s").touch()
    with pytest.raises(UserError, match="exists and is no socket"):
        bind(ListenAddress("", 0, tmp_path / "s"))


def test_an_address_that_is_in_use_is_refused() -> None:
    with bind(ListenAddress("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(UserError, match="--listen: Address already in use"):
            bind(ListenAddress("127.0.0.1", port))
