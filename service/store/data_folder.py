"""The embedded store's folder: who owns it, where its socket is, what its server wrote in its log."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO

LOCK_NAME, LOG_NAME, SOCKET_NAME = "slta.lock", "valkey.log", "valkey.sock"
LONGEST_SOCKET_PATH = 100
"""Bytes; the kernel's limit is 107."""
PREFIX = "slta-"
"""Of a folder for the socket alone, where the data folder's path is too long for it."""
LARGEST_LOG = 1 << 20
LAST_LINES = 8
POLL_SECONDS = 0.01


class FolderInUse(Exception):
    """Another process owns the data folder."""


class DataFolder:
    """One folder, owned by one process and the child that inherits `lock`.

    It has an owner until both are gone: whoever comes right after a kill -9 waits for the old child's last
    write instead of opening its files.
    """

    def __init__(self, path: Path, patience_seconds: float) -> None:
        """Take the folder, made when missing; `patience_seconds` is for the child of a killed owner."""
        self.path = path.absolute()
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.lock = _take_lock(self.path, patience_seconds)
        self._remove_former_socket()
        self.socket = self.path / SOCKET_NAME
        if not _fits(self.socket):
            self.socket = _elsewhere()
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, f"{os.getpid()}\n{self.socket}\n".encode(errors="surrogateescape"), 0)
        self._log_begin = 0

    def release(self) -> None:
        """Give the folder up."""
        self._remove(self.socket)
        os.close(self.lock)

    def _remove_former_socket(self) -> None:
        """An owner that was killed could not."""
        lines = _read(self.lock)
        if len(lines) > 1:
            self._remove(Path(lines[1]))

    def _remove(self, socket: Path) -> None:
        if socket.parent != self.path and socket.parent.name.startswith(PREFIX):
            shutil.rmtree(socket.parent, ignore_errors=True)

    def open_log(self) -> IO[bytes]:
        """The log to append to; begun anew once it has grown large."""
        path = self.path / LOG_NAME
        grown = path.exists() and path.stat().st_size > LARGEST_LOG
        log = path.open("wb" if grown else "ab")
        self._log_begin = log.tell()
        return log

    def last_lines(self) -> list[str]:
        """The last lines written since `open_log`."""
        with (self.path / LOG_NAME).open("rb") as log:
            log.seek(self._log_begin)
            text = log.read().decode(errors="replace")
        return [line for line in text.splitlines() if line.strip()][-LAST_LINES:]


def served_socket(folder: Path) -> Path | None:
    """The socket of the server that runs on a data folder; None where no process owns it."""
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
    """A file descriptor that holds the lock while it, or a child's copy of it, is open."""
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience_seconds
    while not _try_lock(descriptor):
        if time.monotonic() > deadline:
            owner = (_read(descriptor) or ["unknown"])[0]
            os.close(descriptor)
            raise FolderInUse(f"by process {owner}")
        time.sleep(POLL_SECONDS)
    return descriptor


def _read(lock: int) -> list[str]:
    """What the last owner wrote: its process id, its socket."""
    return os.pread(lock, 8192, 0).decode(errors="surrogateescape").splitlines()


def _fits(socket: Path) -> bool:
    return len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH


def _elsewhere() -> Path:
    """A socket in a folder of our own whose path is short."""
    usual = Path(tempfile.gettempdir())
    short = usual if _fits(usual / f"{PREFIX}12345678" / SOCKET_NAME) else Path("/tmp")  # noqa: S108 - made 0700 below
    return Path(tempfile.mkdtemp(prefix=PREFIX, dir=short)) / SOCKET_NAME


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
