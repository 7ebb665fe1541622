"""The proxy as it is shipped, in front of a real dispatcher."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from testbed.awaiting import until
from testbed.processes import Process
from testbed.servers import free_port
from testbed.service_process import ServiceProcess, key_file

SHIPPED = Path(__file__).resolve().parents[2] / "deploy/haproxy/haproxy.cfg"
PROXY, CLIENT, CLAIMED = "127.0.0.1", "127.0.0.9", "203.0.113.1"
FLEET = {"classes": [{"name": "c", "utility": {"kind": "log_share", "resource": 20}, "capacity": 4, "pools": 1}]}

Proxied = tuple[httpx.Client, dict[str, str]]
pytestmark = pytest.mark.needs("haproxy")


@contextmanager
def proxied(folder: Path, dispatcher: int) -> Iterator[httpx.Client]:
    """A client behind the proxy of a dispatcher, with an address of its own. It claims another one."""
    claim, transport = {"X-Forwarded-For": CLAIMED}, httpx.HTTPTransport(local_address=CLIENT)
    with (
        proxy(folder, dispatcher) as port,
        httpx.Client(base_url=f"http://{PROXY}:{port}", transport=transport, headers=claim) as client,
    ):
        until(lambda: client.get("/readyz").is_success, passing=(httpx.HTTPError,))
        yield client


@contextmanager
def proxy(folder: Path, *dispatchers: int) -> Iterator[int]:
    """The shipped file with other addresses: no name is looked up, nothing listens beyond loopback. HAProxy's port."""
    port, text = free_port(), SHIPPED.read_text(encoding="utf-8")
    lines = "\n".join(f"  server dispatcher-{one} {PROXY}:{one}" for one in dispatchers)
    text, servers = re.subn("  server-template dispatcher 8 .*", lines, text)
    text, binds = re.subn("bind :8080", f"bind {PROXY}:{port}", text)
    assert (servers, binds) == (2, 1)
    file = folder / "haproxy.cfg"
    file.write_text(text, encoding="utf-8")
    with Process("haproxy", "-db", "-f", file):
        yield port


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """A client of a dispatcher behind the proxy, and the header with its key."""
    folder = tmp_path_factory.mktemp("proxied")
    keys, [key] = key_file(folder, ["admin"])
    settings = {"SLTA_TRUSTED_PROXIES": PROXY, "SLTA_ALLOWED_HOSTS": "proxy"}
    dispatcher = ServiceProcess(folder, keys_file=keys, settings=settings)
    with dispatcher, proxied(folder, dispatcher.port) as client:
        yield client, {"Authorization": f"Bearer {key}"}


def test_an_event_names_the_client_whatever_address_it_claims(service: Proxied) -> None:
    client, key = service
    client.put("/v1/fleets/f", json=FLEET, headers=key).raise_for_status()
    events = client.get("/v1/fleets/f/events", headers=key).json()["events"]
    assert {event["address"] for event in events} == {CLIENT}


def test_what_a_client_claims_does_not_get_through(tmp_path: Path) -> None:
    got: list[Any] = []

    class Recorder(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append(self.headers.get_all("X-Forwarded-For"))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer((PROXY, 0), Recorder) as recorder:
        threading.Thread(target=recorder.serve_forever, daemon=True).start()
        with proxied(tmp_path, recorder.server_port):
            recorder.shutdown()
    assert [seen for seen in got if seen] == [[CLIENT]], "the checks of the proxy have none"
