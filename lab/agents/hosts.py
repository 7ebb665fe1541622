"""Hosts: each a pool process and an agent process in a process group of their own.

They are forked from one process that has imported everything, since 200 interpreters would need minutes to start.
It reads a JSON list of pool ids a line, starts their hosts, and writes a list of `Host`. At the end of its input it
kills them all. The agent process runs what `slta agent` runs.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from slta_integrations.agent.command import serve
from slta_integrations.agent.config import AgentFile
from slta_integrations.notices import configure_logging


@dataclass(frozen=True)
class Host:
    """A host that runs: `group` is its process group."""

    pool_id: str
    port: int
    group: int

    def signal(self, number: signal.Signals) -> None:
        """Both processes get it."""
        os.killpg(self.group, number)


class Sessions:
    """The pool's process: one connection is one session, whose first line is its id. GET tells the number, or all."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            line = (await reader.readline()).decode().strip()
            if line.startswith("GET "):
                body = str(len(self._ids)) if line.startswith("GET /count") else json.dumps(sorted(self._ids))
                writer.write(
                    f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
                )
                await writer.drain()
            else:
                self._ids.add(line)
                await reader.read()
        self._ids.discard(line)
        writer.close()


async def _serve_sessions(listener: socket.socket) -> None:
    server = await asyncio.start_server(Sessions().serve, sock=listener, backlog=1024)
    await server.serve_forever()


def start(pool_id: str, options: dict[str, Any]) -> Host:
    """Fork both processes. `options` are fields of the agent's file."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    port = listener.getsockname()[1]
    group = _fork(0, lambda: _serve_sessions(listener))
    listener.close()
    at = f"http://127.0.0.1:{port}"
    entry = {
        "pool_id": pool_id,
        "pool_class": "c",
        "address": f"127.0.0.1:{port}",
        "count": {"url": f"{at}/count"},
        "sessions": {"url": f"{at}/sessions"},
    }
    file = AgentFile.model_validate({**options, "pools": [entry]})
    _fork(group, lambda: serve(file))
    return Host(pool_id, port, group)


def _fork(group: int, main: Callable[[], Any]) -> int:
    """Process id of a child in this process group, 0 for one of its own. The child never returns."""
    child = os.fork()
    if not child:
        os.setpgid(0, group)
        _run(main)
    with suppress(ProcessLookupError, PermissionError):
        os.setpgid(child, group or child)
    return child


def _run(main: Callable[[], Any]) -> NoReturn:
    code = 1
    try:
        asyncio.run(main())
        code = 0
    finally:
        os._exit(code)


def run() -> None:
    """Start hosts as the input says, until its end."""
    configure_logging()
    options, hosts = json.loads(sys.argv[1]), list[Host]()
    gc.freeze()
    for line in sys.stdin:
        started = [start(pool_id, options) for pool_id in json.loads(line)]
        hosts += started
        print(json.dumps([asdict(host) for host in started]), flush=True)
    for host in hosts:
        with suppress(ProcessLookupError):
            host.signal(signal.SIGKILL)


if __name__ == "__main__":
    run()
