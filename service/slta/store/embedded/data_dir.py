"""Data directory of the embedded store: lock of its owner, socket and server log."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO

LOCK_NAME, LOG_NAME, SOCKET_NAME = "slta.lock", "valkey.log", "valkey.sock"
MAX_SOCKET_PATH = 100
"""Bytes; the kernel's limit is 107."""
PREFIX = "slta-"
"""Prefix of a temporary directory for the socket, if the path of the data directory is too long for one."""
MAX_LOG = 1 << 20
LAST_LINES = 8
POLL_SECONDS = 0.01


class DataDirInUseError(Exception):
    """Another process owns the data directory."""


class DataDir:
    """Data directory, locked by one process and the child that inherits `lock`.

    The lock is held until both have exited: after a kill -9 of the owner, the next one waits until the old child has
    written its files.
    """

    def __init__(self, path: Path, patience_seconds: float) -> None:
        """Create the directory if missing, and lock it; waits `patience_seconds` for the child of a killed owner."""
        self.path = path.absolute()
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.lock = _take_lock(self.path, patience_seconds)
        former = _read(self.lock)
        if len(former) > 1:  # the owner was killed
            self._remove(Path(former[1]))
        self.socket = self.path / SOCKET_NAME
        if not _fits(self.socket):
            self.socket = _short_socket()
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, f"{os.getpid()}\n{self.socket}\n".encode(errors="surrogateescape"), 0)
        self._log_begin = 0

    def release(self) -> None:
        """Remove the socket's temporary directory and release the lock."""
        self._remove(self.socket)
        os.close(self.lock)

    def _remove(self, socket: Path) -> None:
        if socket.parent != self.path and socket.parent.name.startswith(PREFIX):
            shutil.rmtree(socket.parent, ignore_errors=True)

    def open_log(self) -> IO[bytes]:
        """Open the log for appending; truncates it above `MAX_LOG`."""
        path = self.path / LOG_NAME
        grown = path.exists() and path.stat().st_size > MAX_LOG
        log = path.open("wb" if grown else "ab")
        self._log_begin = log.tell()
        return log

    def last_lines(self) -> list[str]:
        """Last lines of the log since `open_log`."""
        with (self.path / LOG_NAME).open("rb") as log:
            log.seek(self._log_begin)
            text = log.read().decode(errors="replace")
        return [line for line in text.splitlines() if line.strip()][-LAST_LINES:]


def served_socket(folder: Path) -> Path | None:
    """Socket of the server that runs on a data directory; None if no process owns it."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        lines = _read(descriptor)
        return Path(lines[1]) if len(lines) > 1 and not _try_lock(descriptor) else None
    finally:
        os.close(descriptor)


def _take_lock(folder: Path, patience_seconds: float) -> int:
    """File descriptor that holds the lock while it, or a child's copy of it, is open."""
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience_seconds
    while not _try_lock(descriptor):
        if time.monotonic() > deadline:
            owner = (_read(descriptor) or ["unknown"])[0]
            os.close(descriptor)
            raise DataDirInUseError(f"by process {owner}")
        time.sleep(POLL_SECONDS)
    return descriptor


def _read(lock: int) -> list[str]:
    """Lines of the lock file: process id and socket of the last owner."""
    return os.pread(lock, 8192, 0).decode(errors="surrogateescape").splitlines()


def _fits(socket: Path) -> bool:
    return len(os.fsencode(socket)) <= MAX_SOCKET_PATH


def _short_socket() -> Path:
    """Socket in a new temporary directory with a short path."""
    default = Path(tempfile.gettempdir())
    short = default if _fits(default / f"{PREFIX}12345678" / SOCKET_NAME) else Path("/tmp")  # noqa: S108 - mkdtemp creates it with mode 0700
    return Path(tempfile.mkdtemp(prefix=PREFIX, dir=short)) / SOCKET_NAME


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
