"""Clients that nobody knows, against a real process: it neither grows nor goes deaf."""

from __future__ import annotations

import contextlib
import re
import resource
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import httpx
import pytest

from slta.runtime import main
from slta.runtime.settings import Settings
from slta.server.certificates import ListenError
from tests.awaiting import DEADLINE_SECONDS, until
from tests.processes import memory_kib
from tests.serving import Serving, serving

SPARE_KIB = 8192
"""What the process may grow by besides; the attacks took 100 MiB and more."""
ASKED = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
SENT = 24_000_000
"""Bytes of each attack."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, httpx.Client]]:
    folder = tmp_path_factory.mktemp("hostile")
    given = "--data-dir", str(folder / "data")
    with serving(folder, *given, SLTA_MOST_CONNECTIONS="40", SLTA_HEAD_SECONDS="1", SLTA_KEEP_ALIVE_SECONDS="1") as (
        running,
        client,
    ):
        for _ in range(100):
            assert client.get("/healthz").status_code == 200
        client.get("/metrics")
        yield running, client


def connect(client: httpx.Client, source: str = "127.0.0.1") -> socket.socket:
    address = (client.base_url.host, client.base_url.port)
    connection = socket.create_connection(address, timeout=5, source_address=(source, 0))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return connection


@pytest.mark.slow
@pytest.mark.parametrize(
    ("begin", "endless"),
    [
        (ASKED, b"X:\r\n" * 1000),
        (ASKED, b"X: %s\r\n" % (b"a" * 8000)),
        (ASKED + b"X: ", b"a" * 8000),
        (b"GET /", b"a" * 8000),
        (b"", (ASKED + b"\r\n") * 100),
    ],
    ids=["header lines", "long headers", "a header", "a request line", "requests whose answers are not read"],
)
def test_one_connection_cannot_make_it_grow(
    begin: bytes, endless: bytes, service: tuple[Serving, httpx.Client]
) -> None:
    running, client = service
    pid = running.process.pid
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="utf-8")  # forgets the most
    before = memory_kib(pid)
    with connect(client) as hostile, contextlib.suppress(OSError):  # it is not read any more, or ended
        hostile.sendall(begin)
        for _ in range(SENT // len(endless)):
            hostile.sendall(endless)
    assert client.get("/healthz").status_code == 200
    assert memory_kib(pid) - before < SPARE_KIB


@pytest.mark.slow
def test_idle_and_dripping_connections_end(service: tuple[Serving, httpx.Client]) -> None:
    _, client = service
    with contextlib.ExitStack() as stack:
        idle, answered, dripping = ([stack.enter_context(connect(client)) for _ in range(10)] for _ in range(3))
        for connection in answered:
            connection.sendall(ASKED + b"\r\n")
        deadline = time.monotonic() + DEADLINE_SECONDS
        ended: set[socket.socket] = set()
        while len(ended) < 20:
            assert time.monotonic() < deadline, f"{len(ended)} of 20 ended"
            for connection in dripping:
                with contextlib.suppress(OSError):
                    connection.send(b"G")
            ended |= {connection for connection in (*idle, *answered) if has_ended(connection)}
        said = [everything(connection) for connection in dripping]
    assert all(text.startswith(b"HTTP/1.1 408 ") for text in said), said


def has_ended(connection: socket.socket) -> bool:
    connection.settimeout(0.01)
    try:
        return connection.recv(65_536) == b""
    except TimeoutError:
        return False
    finally:
        connection.settimeout(DEADLINE_SECONDS)


def everything(connection: socket.socket) -> bytes:
    said = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(65_536):
            said += data
    return said


def test_at_its_limit_it_says_so_and_serves_those_who_ask(service: tuple[Serving, httpx.Client]) -> None:
    running, client = service
    with contextlib.ExitStack() as stack:
        for k in range(60):
            stack.enter_context(connect(client, f"127.0.1.{k + 1}"))
        # The client's own connection, idle before, may have been among those that made room.
        assert httpx.get(f"{client.base_url}/healthz").status_code == 200
        until(lambda: running.events("too_many_connections"))
        metrics = httpx.get(f"{client.base_url}/metrics").text
        assert re.search(r'^slta_connections_refused_total\{reason="evicted"\} \d+', metrics, re.MULTILINE)
        [open_now] = re.findall(r"^slta_connections (\S+)$", metrics, re.MULTILINE)
        assert 1 <= float(open_now) <= 45  # those that said nothing may have ended meanwhile
    assert {event["most"] for event in running.events("too_many_connections")} == {40}


@pytest.fixture
def few_files() -> Iterator[int]:
    """The soft limit of open files is low meanwhile; the hard limit."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, limits[1]))
    yield limits[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_all_files_count_that_the_process_may_open(few_files: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []

    def dispatcher(*_: object) -> NoReturn:
        found.append(resource.getrlimit(resource.RLIMIT_NOFILE))
        raise ListenError

    monkeypatch.setattr(main, "Dispatcher", dispatcher)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(ListenError):
        main.serve(Settings(auth="off", store_url="redis://localhost"))
    assert found == [(few_files, few_files)]


@pytest.mark.slow
def test_more_connections_than_files_are_refused_at_the_start_and_all_files_count_that_it_may_open(
    tmp_path: Path, few_files: int
) -> None:
    given = "--data-dir", str(tmp_path / "data"), "--log-level", "error"
    refused = Serving(tmp_path, *given, SLTA_MOST_CONNECTIONS="100000000")
    assert refused.process.wait(DEADLINE_SECONDS) == 2
    room = f"the limit of open files allows at most {few_files - 128}"
    assert refused.log.startswith(f"slta: most_connections=100000000: {room}")
