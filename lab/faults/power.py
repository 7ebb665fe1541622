"""Power loss: what the kernel had not synced is gone. strace logs the writes and syncs of the append-only file.

A killed process loses nothing that it wrote, for the kernel keeps it. So the file is cut to what had been written when
the last completed fdatasync began, and the server started on that.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from pathlib import Path

from lab.faults.system import System
from testbed.sentinels import until
from testbed.servers import Server

LOG = "strace.log"
FILE = "appendonlydir/appendonly.aof.1.incr.aof"
CALL = re.compile(r"^(\d+) +(?:<\.\.\. )?(write|fdatasync|fsync)\b(.*)$", re.MULTILINE)
RESULT = re.compile(r"= (-?\d+)(?: |$)")
SECONDS = 5.0
AFTER_SECONDS = 3.0


def watched(folder: Path) -> list[str]:
    """The words before a server's command that log what it does with its file."""
    command = ["strace", "-D", "-f", "-q", "-e", "trace=write,fdatasync,fsync"]
    return [*command, "-P", str(folder / FILE), "-o", str(folder / LOG)]


def synced_bytes(log: str) -> int:
    """Bytes of the file that the last completed sync is sure to have put on the disk."""
    written = synced = 0
    begun: dict[str, int] = {}
    for thread, call, rest in CALL.findall(log):
        result = RESULT.search(rest)
        if call == "write":
            written += int(result[1]) if result else 0
        elif result is None:
            begun[thread] = written
        elif result[1] == "0":
            synced = max(synced, begun.pop(thread, written))
    return synced


async def lost(system: System) -> int:
    """The power fails under load: 1, once the server is there again with the file as the disk had it."""
    [server] = system.servers
    await asyncio.sleep(SECONDS)
    broke = time.time()
    system.notes["bytes not synced"] = await asyncio.to_thread(fail, server)
    await asyncio.to_thread(server.start)
    system.went_back = broke, time.time()
    await asyncio.sleep(AFTER_SECONDS)
    return 1


def fail(server: Server) -> int:
    """Kill the server and cut its file; by so many bytes."""
    file, log = server.folder / FILE, server.folder / LOG
    server.kill()
    ended = re.compile(rf"^{server.pid} +\+\+\+ killed by SIGKILL", re.MULTILINE)
    until(lambda: ended.search(log.read_text()))
    size, synced = file.stat().st_size, synced_bytes(log.read_text())
    os.truncate(file, synced)
    return size - synced
