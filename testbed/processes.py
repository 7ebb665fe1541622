"""Processes of tests: one that lives as long as a block, whether a port is open, and what memory they have."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testbed.awaiting import DEADLINE_SECONDS


@contextmanager
def running(*command: str | Path, is_clean: bool = False, **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """It ends by SIGTERM, or is killed after a while; `is_clean`: without an error. `options` are those of Popen."""
    process = subprocess.Popen([*map(str, command)], **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            code = process.wait(DEADLINE_SECONDS)
        finally:
            process.kill()  # without effect once it has ended
        assert code == 0 or not is_clean


def is_listening(port: int) -> bool:
    """Whether a server on loopback takes connections."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def memory_kib(pid: int, which: str = "VmHWM") -> int:
    """The most that was resident, or `VmRSS`: what is."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.findall(rf"{which}:\s+(\d+)", status)[0])
