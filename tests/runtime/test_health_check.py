"""The image's health check finds the dispatcher wherever its settings let it listen, over TLS too."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from slta.runtime import health_check
from slta.runtime.health_check import setting
from slta.runtime.settings import read_settings
from tests.certificates import certificate_in
from tests.servers import free_port
from tests.serving import Serving


class Plain(Serving):
    """Where it listens is in its environment alone."""

    program = ("-m", "slta.cli", "serve", "--log-format", "json")


def check(settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "slta.runtime.health_check"]
    return subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.needs("openssl")
@pytest.mark.parametrize("has_tls", [False, True])
def test_a_dispatcher_on_another_address_and_port_is_healthy_with_and_without_tls(
    tmp_path: Path, options: list[str], *, has_tls: bool
) -> None:
    settings = {"SLTA_HOST": "127.0.0.2", "SLTA_PORT": str(free_port())}
    if has_tls:
        certificate, key = certificate_in(tmp_path)
        settings |= {"SLTA_TLS_CERTIFICATE": str(certificate), "SLTA_TLS_KEY": str(key)}
    before = check(settings)
    service = Plain(tmp_path, *options, **settings)
    try:
        service.url()
        found = check(settings)
    finally:
        service.end()
    assert (before.returncode, before.stdout) == (1, "[Errno 111] Connection refused\n")
    assert (found.returncode, found.stdout, found.stderr) == (0, "HTTP/1.1 200 OK\n", "")


@pytest.mark.needs("openssl")
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket")  # which ends with the process
@pytest.mark.parametrize(
    ("status", "has_tls", "code"), [("200 OK", False, 0), ("200 OK", True, 0), ("503 Service Unavailable", False, 1)]
)
async def test_who_answers_200_is_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str, code: int, *, has_tls: bool
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
        writer.close()

    tls = None
    if has_tls:
        certificate, key = certificate_in(tmp_path)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        monkeypatch.setenv("SLTA_TLS_CERTIFICATE", str(certificate))
    async with await asyncio.start_server(answer, "127.0.0.2", 0, ssl=tls) as server:
        host, port = server.sockets[0].getsockname()
        monkeypatch.setenv("SLTA_HOST", host)
        monkeypatch.setenv("SLTA_PORT", str(port))
        assert await asyncio.to_thread(health_check.main) == code


@pytest.mark.parametrize(
    ("variables", "files"),
    [
        ({}, {}),
        ({"SLTA_PORT": "9000", "slta_host": "::1"}, {}),
        ({"SLTA_PORT": "tcp://10.0.0.1:8080"}, {}),
        ({"SLTA_PORT": "9000"}, {"SLTA_PORT": "9001\n", "slta_host": "127.0.0.3\n"}),
    ],
)
def test_settings_are_read_where_the_service_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], files: Mapping[str, str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    for name, value in {"SLTA_SECRETS_DIR": str(tmp_path), "SLTA_AUTH": "off", **variables}.items():
        monkeypatch.setenv(name, value)
    read = read_settings()
    assert (setting("SLTA_HOST", "127.0.0.1"), setting("SLTA_PORT", "8080")) == (read.host, str(read.port))
