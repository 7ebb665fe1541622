"""Memory of a real process under one connection that sends without end, or reads no answers."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from testbed.processes import memory_kib
from testbed.service_process import ServiceProcess, serving

pytestmark = pytest.mark.slow

SPARE_KIB = 8192
"""What the process may grow by besides; the attacks took 100 MiB and more."""
ASKED = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
SENT = 24_000_000
"""Bytes of each attack."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServiceProcess, httpx.Client]]:
    folder = tmp_path_factory.mktemp("memory")
    with serving(folder, SLTA_HEADER_TIMEOUT_SECONDS="1", SLTA_IDLE_TIMEOUT_SECONDS="1") as (running, client):
        for _ in range(100):
            assert client.get("/healthz").status_code == 200
        client.get("/metrics")
        yield running, client


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
def test_no_connection_grows_memory(begin: bytes, endless: bytes, service: tuple[ServiceProcess, httpx.Client]) -> None:
    running, client = service
    Path(f"/proc/{running.pid}/clear_refs").write_text("5", encoding="utf-8")  # the peak begins anew
    before = memory_kib(running.pid)
    address = (client.base_url.host, client.base_url.port)
    with socket.create_connection(address, timeout=5) as hostile, contextlib.suppress(OSError):
        hostile.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        hostile.sendall(begin)
        for _ in range(SENT // len(endless)):
            hostile.sendall(endless)
    assert client.get("/healthz").status_code == 200
    assert memory_kib(running.pid) - before < SPARE_KIB
