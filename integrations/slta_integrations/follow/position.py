"""Position file: how far in the log slta has answered, replaced atomically."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import NamedTuple

from slta.cli.error_messages import UserError


class Position(NamedTuple):
    """Place in a log. Lines behind it were written after `seen_at` (seconds since 1970).

    `inode` is that of the file, None if there was none yet; `head` has its first bytes as Latin-1. `left` is the inode
    of the file before: a late writer may touch it after the next one, and an old `start` must not come again.
    """

    inode: int | None
    offset: int
    head: str
    seen_at: float
    left: int | None = None


class PositionFile:
    """Position file of one log in a state directory, which one process may use at a time."""

    def __init__(self, folder: Path, log: str) -> None:
        """Create and lock the directory. Raises OSError, or UserError if another process uses it."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = folder / "position.json"
        self._log = log
        self._lock = (folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise UserError(f"--state-dir: another `slta follow` uses {folder}") from None

    def load(self) -> Position | None:
        """The saved position, None at the first start. Raises UserError for another log or damage."""
        try:
            saved = json.loads(self._path.read_text(encoding="utf-8"))
            log, position = saved.pop("log"), Position(**saved)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise UserError(f"{self._path} is damaged: delete it to begin at the end of the log") from None
        if log != self._log:
            raise UserError(f"--state-dir: {self._path} belongs to {log}: use a directory for each log")
        return position

    def save(self, position: Position) -> None:
        """Replace the file, by a whole one or not at all. After a power failure it may be the former one."""
        new = self._path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as stream:
            json.dump({"log": self._log, **position._asdict()}, stream)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(self._path)

    def close(self) -> None:
        """Unlock the directory."""
        self._lock.close()
