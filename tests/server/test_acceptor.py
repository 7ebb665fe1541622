"""Connections before their protocol knows of them: TLS handshakes that do not end. A real process, and its clients."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import re
import resource
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
import uvloop

from slta.server.connection_limits import ConnectionLimits
from slta.server.server import MAX_ACCEPTS_PER_ITERATION, Acceptor, bind
from testbed.awaiting import DEADLINE_SECONDS, eventually, until
from testbed.certificates import certificate_in
from testbed.processes import memory_kib
from testbed.service_process import SERVE, ServiceProcess
from testbed.strangers import is_open, stranger
from tests.server.wire import connected

pytestmark = pytest.mark.needs("openssl")
MAX_MIB = 160
"""What the process may have resident."""
PROBE_SECONDS = 10.0
"""How long an answer may take while all processors are busy with handshakes."""


class Encrypted(ServiceProcess):
    """Of its TLS clients. `trust` is what they trust."""

    def __init__(self, folder: Path, program: Sequence[str] = SERVE, **settings: str) -> None:
        certificate, key = certificate_in(folder)
        settings |= {"SLTA_TLS_CERTIFICATE": str(certificate), "SLTA_TLS_KEY": str(key)}
        self.trust = ssl.create_default_context(cafile=str(certificate))
        super().__init__(folder, program=program, settings=settings, needs_store=False)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"https://127.0.0.1:{self.port}{path}", verify=self.trust, timeout=PROBE_SECONDS)

    def metric(self, line: str) -> float:
        found = re.findall(rf"^{re.escape(line)} (\S+)$", self.get("/metrics").text, re.MULTILINE)
        return float(found[0]) if found else 0.0

    def refused(self, reason: str) -> float:
        return self.metric(f'slta_connections_refused_total{{reason="{reason}"}}')

    def connect(self, number: int) -> socket.socket:
        return stranger(self.port, number)

    def hello(self) -> bytes:
        """The first half of a handshake."""
        sent = ssl.MemoryBIO()
        with contextlib.suppress(ssl.SSLWantReadError):
            self.trust.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="127.0.0.1").do_handshake()
        return sent.read()

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    with Encrypted(tmp_path_factory.mktemp("acceptor"), SLTA_HEADER_TIMEOUT_SECONDS="1") as running:
        yield running


def test_handshakes_are_connections(service: Encrypted) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(20):
            stack.enter_context(service.connect(number))
        until(lambda: service.metric("slta_connections") >= 21)
    until(lambda: service.metric("slta_connections") == 1)


@contextlib.contextmanager
def accepting(limits: ConnectionLimits, listener: socket.socket | None = None, **options: Any) -> Iterator[Any]:
    """The address of an acceptor."""
    with listener or socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        acceptor = Acceptor(listening, asyncio.Protocol, limits, **options)
        yield listening.getsockname()
        acceptor.close()


async def test_a_handshake_has_a_deadline() -> None:
    refused: list[str] = []
    limits = ConnectionLimits(
        max_connections=9, idle_timeout_seconds=1, header_timeout_seconds=0.01, refused=refused.append
    )
    with accepting(limits, tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) as address, socket.create_connection(address):
        await eventually(lambda: refused)
    assert (refused, len(limits.handshakes)) == (["handshake_failed"], 0)


async def accept_and_close() -> list[str]:
    """What a protocol hears if its acceptor closes before the accepting task wakes up."""
    heard: list[str] = []

    class Protocol(asyncio.Protocol):
        def connection_made(self, _transport: asyncio.BaseTransport) -> None:
            heard.append("made")
            acceptor.close()

        def connection_lost(self, _error: Exception | None) -> None:
            heard.append("lost")

    limits = ConnectionLimits(max_connections=9, idle_timeout_seconds=1, header_timeout_seconds=1)
    with bind("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        acceptor = Acceptor(listener, Protocol, limits)
        await eventually(lambda: heard)
        await acceptor.wait_closed()
        await asyncio.sleep(0)
    return heard


def test_a_connection_made_while_the_acceptor_closes_is_lost() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(accept_and_close()) == ["made", "lost"]


class OutOfDescriptors(socket.socket):
    """A listener of a process that has no descriptor left."""

    def accept(self) -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")


async def test_without_descriptors_the_idle_make_room() -> None:
    refused: list[str] = []
    limits = ConnectionLimits(
        max_connections=9, idle_timeout_seconds=1, header_timeout_seconds=1, refused=refused.append
    )
    idle = connected(limits)
    with accepting(limits, OutOfDescriptors()) as address, socket.create_connection(address):
        await eventually(lambda: refused)
    assert (refused[0], idle.is_closing()) == ("no_descriptors", True)


@pytest.mark.slow
def test_beyond_the_most_handshakes_the_oldest_ends_and_clients_are_answered(service: Encrypted) -> None:
    before = service.open_files()
    with contextlib.ExitStack() as stack:
        for number in range(600):
            stack.enter_context(service.connect(number))
            assert number % 100 or service.get("/healthz").status_code == 200
        until(lambda: service.refused("too_many_handshakes") >= 1)
        assert service.open_files() - before <= 512 + 16
    until(lambda: any("too_many_handshakes" in event for event in service.events("too_many_connections")))


def test_what_is_no_handshake_ends(service: Encrypted) -> None:
    before = service.refused("handshake_failed")
    with socket.create_connection(("127.0.0.1", service.port), timeout=DEADLINE_SECONDS) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            while client.recv(1024):
                pass
    until(lambda: service.refused("handshake_failed") == before + 1)


def test_a_client_that_leaves_during_its_handshake_leaves_nothing(service: Encrypted) -> None:
    until(lambda: service.metric("slta_connections") == 1)
    before = service.open_files()
    for number in range(20):
        service.connect(number).close()
    until(lambda: service.metric("slta_connections") == 1)
    until(lambda: service.open_files() <= before)


async def test_those_that_wait_are_accepted_a_few_in_a_turn() -> None:
    accepted: list[asyncio.Protocol] = []

    def protocol() -> asyncio.Protocol:
        accepted.append(asyncio.Protocol())
        return accepted[-1]

    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(bind("127.0.0.1", 0))
        for _ in range(MAX_ACCEPTS_PER_ITERATION + 1):
            stack.enter_context(socket.create_connection(listener.getsockname()))
        acceptor = Acceptor(
            listener, protocol, ConnectionLimits(max_connections=99, idle_timeout_seconds=1, header_timeout_seconds=1)
        )
        counts = set()
        while len(accepted) <= MAX_ACCEPTS_PER_ITERATION:
            counts.add(len(accepted))
            await asyncio.sleep(0)
        acceptor.close()
        await acceptor.wait_closed()
    assert counts == {0, MAX_ACCEPTS_PER_ITERATION}


KINDS: Mapping[str, Callable[[Encrypted], bytes]] = {"silent": lambda _: b"", "half a handshake": Encrypted.hello}
FEW = 1024
"""Open files that a process may have."""
WITH_FEW = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({FEW}, {FEW}));"


@pytest.mark.campaign
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("clients", "few"), [(6000, ""), (3000, "from the start"), (3000, "later")])
@pytest.mark.parametrize("kind", KINDS)
def test_thousands_of_unfinished_handshakes_neither_make_it_grow_nor_deaf(
    kind: str, clients: int, few: str, tmp_path: Path
) -> None:
    program = ("-c", f"{WITH_FEW} from slta.cli.__main__ import main; main()", "serve")
    with Encrypted(tmp_path, program if few == "from the start" else SERVE) as service:
        if few == "later":
            resource.prlimit(service.pid, resource.RLIMIT_NOFILE, (FEW, FEW))
        said, largest, most_files, slowest, opened = KINDS[kind](service), 0, 0, 0.0, 0
        unfinished: list[socket.socket] = []
        end = time.monotonic() + 20
        while time.monotonic() < end:
            unfinished = [client for client in unfinished if is_open(client)]
            new = [service.connect(opened + k) for k in range(min(500, clients - len(unfinished)))]
            opened += len(new)
            unfinished += new
            callbacks = time.monotonic()
            assert service.get("/healthz").status_code == 200
            slowest = max(slowest, time.monotonic() - callbacks)
            for client in new if said else ():
                with contextlib.suppress(OSError):
                    client.send(said)
            largest, most_files = (
                max(largest, memory_kib(service.pid, "VmRSS") // 1024),
                max(most_files, service.open_files()),
            )
        print(f"\n{kind}: {opened} opened, {largest} MiB, {most_files} files, slowest probe {slowest:.1f} s")
        assert largest <= MAX_MIB
        assert service.refused("too_many_handshakes") > 0
        for client in unfinished:
            client.close()
        seconds = time.monotonic() - end + 20
    assert 0 < len(service.events("too_many_connections")) <= seconds
