"""Child processes of ours: none outlives us, whatever ends us, and none is ended before it is done."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1


def start(
    command: Sequence[str | Path],
    *,
    output: IO[bytes] | int,
    errors: IO[bytes] | int = subprocess.STDOUT,
    environment: Mapping[str, str] | None = None,
    keep_open: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a process that gets SIGTERM when this one ends, by kill -9 too (on Linux).

    Only from the main thread: the kernel sends the signal when the *thread* that started the child ends.
    The child has a process group of its own, so that a Ctrl-C reaches us alone and we decide in which order
    things stop.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("start children from the main thread: they end with the thread that started them")
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


def end_with_parent() -> Callable[[], None] | None:
    """What a new process runs before its program, so that it gets SIGTERM when the thread that started it ends."""
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(1)

    return ask_kernel


def ask_to_end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGCONT should it be stopped; a process that has ended is left alone."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
