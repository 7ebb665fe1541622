"""How a process ends behind a balancer, and what it takes up while it runs."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from slta.server.server import not_after
from testbed.awaiting import DEADLINE_SECONDS, until
from testbed.certificates import certificate_in
from testbed.service_process import ServiceProcess, assign, serving


@pytest.mark.slow
def test_a_lame_duck_closes_each_connection_after_its_answer_and_takes_new(tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, *options, SLTA_LAME_DUCK_SECONDS="3600") as (service, client):
        assert "connection" not in client.get("/healthz").headers
        service.terminate()
        until(lambda: service.events("ending"))
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json(), ready.headers["connection"]) == (503, {"status": "ending"}, "close")
        for k in range(3):  # the client connects anew each time
            placed = assign(client, f"s-{k}")
            assert (placed.status_code, placed.headers["connection"]) == (201, "close")
        assert client.get("/healthz").status_code == 200
        assert service.end() == 0, "asked again it waits no longer"
        assert service.events("stopped")


@pytest.mark.slow
def test_a_lame_duck_ends_by_itself(tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, *options, SLTA_LAME_DUCK_SECONDS="0.2") as (service, client):
        assert client.get("/readyz").status_code == 200
        assert service.end() == 0
        assert [event["lame_duck_seconds"] for event in service.events("ending")] == [0.2]


@pytest.mark.slow
@pytest.mark.needs("openssl")
def test_a_changed_certificate_is_shown_and_one_that_does_not_fit_is_not(tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "next").mkdir()
    certificate, key = certificate_in(tmp_path)
    newer = certificate_in(tmp_path / "next")
    settings = {"SLTA_TLS_CERTIFICATE": str(certificate), "SLTA_TLS_KEY": str(key)}
    with ServiceProcess(tmp_path, *options, settings=settings, needs_store=False) as service:
        port = service.port
        first = shown(port)
        assert expiry(port) == expiry_of(certificate)
        shutil.copy(newer[0], certificate)
        until(lambda: service.events("file_not_reloaded"))
        assert shown(port) == first, "its key is still the old one"
        shutil.copy(newer[1], key)
        until(lambda: service.events("file_reloaded"))
        assert shown(port) == ssl.PEM_cert_to_DER_cert(newer[0].read_text()) != first
        assert expiry(port) == expiry_of(newer[0])
        assert service.end() == 0


def shown(port: int) -> bytes:
    """The certificate that the service shows."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_SECONDS) as plain,
        context.wrap_socket(plain) as client,
    ):
        return client.getpeercert(binary_form=True) or b""


def expiry(port: int) -> float:
    """What the service's metrics say of it."""
    page = httpx.get(f"https://127.0.0.1:{port}/metrics?of=process", verify=False).text  # noqa: S501
    return float(page.partition("\nslta_tls_certificate_not_after_timestamp_seconds ")[2].partition("\n")[0])


def expiry_of(certificate: Path) -> float:
    shown = subprocess.run(
        ["openssl", "x509", "-enddate", "-noout", "-in", certificate], capture_output=True, check=True
    )
    return float(ssl.cert_time_to_seconds(shown.stdout.decode().strip().partition("=")[2]))


@pytest.mark.needs("openssl")
def test_an_expiry_is_read_in_both_forms_and_0_if_there_is_none(tmp_path: Path) -> None:
    for days in (2, 20_000):
        certificate, _ = certificate_in(tmp_path, days)
        assert not_after(certificate) == expiry_of(certificate)
    for text in ("", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"):
        certificate.write_text(text)
        assert not_after(certificate) == 0
