"""Process of a command: started, awaited, signalled, ended and started again; memory of a process."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self

from testbed.awaiting import DEADLINE_SECONDS, until

ROOT = Path(__file__).resolve().parents[1]
PATHS = [str(ROOT / room) for room in (".", "service", "loadgen", "demo", "integrations", "clients/python")]
"""Folders of our modules, for PYTHONPATH."""


def environment(**settings: str) -> dict[str, str]:
    """Environment of a process: this one's without settings of the service, the paths of our modules, `settings`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("SLTA_")}
    path = os.pathsep.join([*PATHS, *filter(None, [own.get("PYTHONPATH")])])
    return own | {"PYTHONPATH": path} | settings


class Part(ABC):
    """Context manager, `with` or `async with`, of something that is started and stopped."""

    @abstractmethod
    def start(self) -> Self:
        """Start, and wait until it is ready."""

    @abstractmethod
    def stop(self) -> None:
        """Stop at the end of the block."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)


class Process(Part):
    """A process, which can be started again.

    It fails with its output if it ends before it is ready: before it listens on `port`, if there is one.
    """

    unready: tuple[type[Exception], ...] = ()
    """Errors of `is_ready` which say that it is not yet."""
    _process: subprocess.Popen[Any]

    def __init__(
        self, *command: str | Path, log: Path | None = None, port: int = 0, is_clean: bool = False, **options: Any
    ) -> None:
        """`log` gets its output, after what it has already; `is_clean`: a block fails if its exit code is not 0.

        `options` are those of Popen.
        """
        self.command = [*map(str, command)]
        self.log = log
        self.port = port
        self._is_clean = is_clean
        self._options = options

    def start(self) -> Self:
        """Start, and wait until it is ready."""
        self.launch()
        until(self._has_come_up)
        return self

    def launch(self) -> Self:
        """Start without waiting."""
        with self.log.open("ab") if self.log else nullcontext() as output:
            options = {"stdout": output, "stderr": output} | self._options
            self._process = subprocess.Popen(self.command, **options)
        return self

    def is_ready(self) -> bool:
        return not self.port or is_listening(self.port)

    def _has_come_up(self) -> bool:
        try:
            if self.is_ready():
                return True
        except self.unready:
            pass
        assert self.poll() is None, self.output
        return False

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        """Text of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log else ""

    def poll(self) -> int | None:
        """Its exit code; None while it runs, or before it was started."""
        return self._process.poll() if hasattr(self, "_process") else None

    def wait(self) -> int:
        """Its exit code, as soon as it has ended."""
        return self._process.wait(DEADLINE_SECONDS)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; without effect once it has ended."""
        self._process.send_signal(number)

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Ask it to end, also if it stands still."""
        self.signal(signal.SIGTERM)
        self.thaw()

    def kill(self) -> None:
        """Kill it; without effect before it was started."""
        if hasattr(self, "_process"):
            self._process.kill()
            self._process.wait()

    def end(self) -> int:
        """Its exit code. One that does not end when it is asked is killed, which fails."""
        self.terminate()
        try:
            return self.wait()
        finally:
            self.kill()

    def stop(self) -> None:
        """End it. Fails for an exit code other than 0 if it is to be clean."""
        code = self.end()
        assert code == 0 or not self._is_clean, self.output


class FilterProcess(Process):
    """A process that is over when its standard input is; its errors are logged."""

    def launch(self) -> Self:
        self._options |= {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        return super().launch()

    def write_line(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def read_line(self) -> str:
        assert self._process.stdout
        return str(self._process.stdout.readline())

    def terminate(self) -> None:
        self.thaw()
        assert self._process.stdin
        self._process.stdin.close()

    def kill(self) -> None:
        super().kill()
        if hasattr(self, "_process") and self._process.stdout:
            self._process.stdout.close()


def is_listening(port: int) -> bool:
    """True if a server on loopback takes connections."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def memory_kib(pid: int, which: str = "VmHWM") -> int:
    """Peak resident memory; the current one with `VmRSS`."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.findall(rf"{which}:\s+(\d+)", status)[0])
