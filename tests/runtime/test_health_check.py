"""The image's health check finds the dispatcher wherever its settings let it listen, over TLS too."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest

from slta.runtime import health_check
from slta.runtime.health_check import setting
from slta.runtime.settings import read_settings
from testbed.certificates import certificate_in
from testbed.servers import free_port


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


def test_a_closed_port_is_unhealthy(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SLTA_PORT", str(free_port()))
    assert health_check.main() == 1
    assert capsys.readouterr().out == "[Errno 111] Connection refused\n"


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
    for name, value in {"SLTA_SECRETS_DIR": str(tmp_path), "SLTA_AUTH": "false", **variables}.items():
        monkeypatch.setenv(name, value)
    read = read_settings()
    assert (setting("SLTA_HOST", "127.0.0.1"), setting("SLTA_PORT", "8080")) == (read.host, str(read.port))
