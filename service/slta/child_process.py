"""Child processes that get SIGTERM when their parent ends, however it ends."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import slta

PR_SET_PDEATHSIG = 1
ROOT = Path(slta.__file__).resolve().parent.parent
"""Import path of a module's process, so that no other package named `slta` is imported."""


def start(
    command: Sequence[str | Path],
    *,
    output: IO[bytes] | int,
    errors: IO[bytes] | int = subprocess.STDOUT,
    environment: Mapping[str, str] | None = None,
    keep_open: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a process that gets SIGTERM when this one ends, also by SIGKILL (on Linux).

    Raises RuntimeError outside the main thread: the kernel signals when the *thread* that started the child ends.
    The child has its own process group, so that a Ctrl-C reaches only this process, which sets the shutdown order.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("start child processes from the main thread: they end with the thread that started them")
    return subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        env=environment,
        pass_fds=keep_open,
        process_group=0,
        preexec_fn=end_with_parent(),  # noqa: PLW1509 - two system calls, nothing that takes a lock
    )


async def start_module(module: str, *arguments: str, options: Sequence[str] = ()) -> asyncio.subprocess.Process:
    """Start a module as a process that reads from a pipe and writes to one; it ends as by `start`.

    `options` are Python's. Only for the event loop of the main thread. OSError.
    """
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", *options, "-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=end_with_parent(),
    )


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill a process of `start_module` unless it has ended."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def end_with_parent() -> Callable[[], None] | None:
    """`preexec_fn` that makes the kernel send SIGTERM when the thread that started the process ends; Linux only."""
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def set_death_signal() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # the parent ended before prctl
            os._exit(1)

    return set_death_signal


def ask_to_end(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM, and SIGCONT in case it is stopped, unless the process has ended."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
