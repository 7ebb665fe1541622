"""Memory that a connection takes before a key is known: 500 at once of each hostile kind, against a real process.

Each kind gets a process of its own. Its clients send until nothing more is taken, for 15 s at most, and read nothing.
Then the process's resident memory is compared with what it was before they came. The table is Markdown, for
docs/operations.md.
"""

from __future__ import annotations

import argparse
import selectors
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from lab.benchmarks import bench_tables
from lab.benchmarks.running import START_SECONDS, start_listening
from tests.certificates import certificate_in
from tests.servers import EMBEDDED, free_port, own_server

CONNECTIONS = 500
QUIET_SECONDS = 1.0
"""When nothing was taken for so long, nothing more will be."""
POURING_SECONDS = 15.0
"""So long they go on at most."""
LIMIT_KIB = {False: 64, True: 160}
"""By whether there is TLS."""
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /v1/fleets/f/assign HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


class Hostile(NamedTuple):
    """What one client sends: `begin` once, then `endless` as long as it is taken."""

    begin: bytes
    endless: bytes = b""


KINDS: Mapping[str, Hostile] = {
    "connects, and says nothing": Hostile(b""),
    "a request line without end": Hostile(b"GET /", b"a" * 4096),
    "an open head, nearly as large as may be": Hostile(b"GET /%s HTTP/1.1\r\nX: %s" % (b"a" * 8000, b"b" * 16_000)),
    "header lines without end": Hostile(HEAD, b"X:\r\n" * 1024),
    "a header without end": Hostile(HEAD + b"X: ", b"a" * 4096),
    "an answered head, as large as may be": Hostile(HEAD + b"X: %s\r\n" % (b"b" * 150) * 98 + b"\r\n"),
    "requests without end, answers unread": Hostile(b"", HEAD + b"\r\n"),
    "keyless assigns without end, answers unread": Hostile(b"", POST + b"Content-Length: 2\r\n\r\n{}"),
    "the live page without end, answers unread": Hostile(b"", HEAD.replace(b"/healthz", b"/") + b"\r\n"),
    "a body without end": Hostile(POST + b"Content-Length: 1000000000\r\n\r\n", b" " * 4096),
    "a chunk extension without end": Hostile(POST + b"Transfer-Encoding: chunked\r\n\r\n5;", b"a" * 4096),
    "trailers without end": Hostile(POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 512),
    "an upgrade, and more": Hostile(HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\n"),
}


class Process(NamedTuple):
    """A dispatcher, and what its clients trust; None without TLS."""

    id: int
    port: int
    trust: ssl.SSLContext | None

    def resident_kib(self) -> int:
        """Resident memory."""
        status = Path(f"/proc/{self.id}/status").read_text(encoding="utf-8")
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


@contextmanager
def dispatcher(store_url: str, certificate: tuple[Path, Path] | None) -> Iterator[Process]:
    """A fresh process, warm, whose callers need a key that nobody has."""
    with tempfile.TemporaryDirectory(prefix="slta-bench-") as folder, ExitStack() as stack:
        keys, port = Path(folder) / "keys.yaml", free_port()
        keys.write_text("keys: []\n", encoding="utf-8")
        settings = {"SLTA_STORE_URL": store_url, "SLTA_PORT": str(port), "SLTA_KEYS_FILE": str(keys)}
        settings |= {"SLTA_HEAD_SECONDS": "60", "SLTA_LOG_LEVEL": "error"}  # so that all of them are there at once
        if certificate:
            settings |= {"SLTA_TLS_CERTIFICATE": str(certificate[0]), "SLTA_TLS_KEY": str(certificate[1])}
        command = [sys.executable, "-m", "slta.cli", "serve"]
        process = start_listening(stack, Path(folder), command, port, settings)
        trust = ssl.create_default_context(cafile=str(certificate[0])) if certificate else None
        running = Process(process, port, trust)
        _warm(running)
        yield running


def _warm(process: Process) -> None:
    for _ in range(50):
        with _connect(process) as client:
            client.sendall(HEAD + b"Connection: close\r\n\r\n")
            while client.recv(65_536):
                pass


def _connect(process: Process) -> socket.socket:
    plain = socket.socket()
    plain.settimeout(START_SECONDS)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # the client's own kernel keeps few answers
    plain.connect(("127.0.0.1", process.port))
    return process.trust.wrap_socket(plain, server_hostname="127.0.0.1") if process.trust else plain


def memory_kib(process: Process, hostile: Hostile) -> float:
    """Resident memory a connection, when they are all there and nothing more is taken from any."""
    before = process.resident_kib()
    with ExitStack() as stack:
        clients = [stack.enter_context(_connect(process)) for _ in range(CONNECTIONS)]
        for client in clients:
            client.sendall(hostile.begin)
            client.setblocking(False)  # noqa: FBT003 - the socket's own
        _pour(clients, hostile.endless)
        return (process.resident_kib() - before) / CONNECTIONS


def _pour(clients: list[socket.socket], endless: bytes) -> None:
    quiet_since = begun = time.monotonic()
    with selectors.DefaultSelector() as writable:
        for client in clients if endless else ():
            writable.register(client, selectors.EVENT_WRITE)
        while (now := time.monotonic()) - quiet_since < QUIET_SECONDS and now - begun < POURING_SECONDS:
            for key, _ in writable.select(QUIET_SECONDS / 10):
                try:
                    key.fileobj.send(endless)  # type: ignore[union-attr]
                    quiet_since = now
                except (BlockingIOError, ssl.SSLWantWriteError):
                    pass
                except OSError:  # the server has ended it
                    writable.unregister(key.fileobj)
            if not writable.get_map():
                time.sleep(QUIET_SECONDS / 10)


def main() -> int:
    """Measure and print; 1 when a kind takes more than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this one; repeatable")
    kinds = parser.parse_args().kind or list(KINDS)
    print(bench_tables.describe(bench_tables.machine(EMBEDDED)))
    print(f"\n| {CONNECTIONS} connections, each … | KiB a connection | with TLS |\n|---|---:|---:|")
    is_within = True
    with tempfile.TemporaryDirectory(prefix="slta-bench-") as folder, own_server() as store:
        certificate = certificate_in(Path(folder))
        for kind in kinds:
            taken = {}
            for has_tls in (False, True):
                with dispatcher(store.url, certificate if has_tls else None) as process:
                    taken[has_tls] = memory_kib(process, KINDS[kind])
            is_within = is_within and all(taken[has_tls] <= LIMIT_KIB[has_tls] for has_tls in taken)
            print(f"| {kind} | {taken[False]:.0f} | {taken[True]:.0f} |", flush=True)
    return 0 if is_within else 1


if __name__ == "__main__":
    sys.exit(main())
