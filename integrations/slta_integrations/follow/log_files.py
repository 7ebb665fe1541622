"""Files of a rotated log: the file at its path, and those that a rotation renamed or copied beside it."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path

from slta_integrations.follow.log_line import MARK
from slta_integrations.follow.position import Position

DIGEST_BYTES = 256
COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zst", ".lz4"})
COUNT_BYTES = 1 << 20


class LogFile:
    """Open file of a log. It stays readable when it is renamed or removed."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._stream = path.open("rb", buffering=0)
        status = os.fstat(self._stream.fileno())
        self.inode = status.st_ino
        self.end = 0
        """Size that was seen last."""
        self._digest = ""
        self._is_lost = False
        self.see()

    def see(self) -> bool:
        """Note the present size; False if the file was rewritten since: truncated, and perhaps written again."""
        if self.digest(self.end) != self._digest:
            return False
        size = self.size
        if size > self.end:
            self.end, self._digest = size, self.digest(size)
        return True

    @property
    def size(self) -> int:
        """0 if its content was lost."""
        return 0 if self._is_lost else os.fstat(self._stream.fileno()).st_size

    @property
    def modified(self) -> int:
        """Time of the last write in nanoseconds."""
        return os.fstat(self._stream.fileno()).st_mtime_ns

    def read(self, offset: int, count: int) -> bytes:
        """At most so many bytes."""
        return b"" if self._is_lost else os.pread(self._stream.fileno(), count, offset)

    def digest(self, offset: int) -> str:
        """Digest of the bytes before an offset, empty at the beginning."""
        start = max(0, offset - DIGEST_BYTES)
        return hashlib.sha256(self.read(start, offset - start)).hexdigest() if offset else ""

    def lose(self) -> None:
        """Its content was truncated away."""
        self._is_lost = True

    def holds(self, offset: int, digest: str) -> bool:
        """Whether these are the bytes before an offset."""
        return self.size >= offset and self.digest(offset) == digest

    def copy_in(self, path: Path) -> LogFile | None:
        """A copy of the file as it was when seen last, among the siblings of `path`."""
        return _first(
            path, lambda file: file.inode != self.inode and bool(self.end) and file.holds(self.end, self._digest)
        )

    def lines_from(self, offset: int) -> int:
        """Number of lines of sessions behind an offset. O(size)."""
        lines, rest = 0, b""
        while data := self.read(offset, COUNT_BYTES):
            offset += len(data)
            lines += (rest + data).count(MARK)
            rest = data[1 - len(MARK) :]
        return lines

    def close(self) -> None:
        self._stream.close()


def find(path: Path, position: Position) -> LogFile | None:
    """The file that has this position: of the same inode, otherwise a copy of it. None if it is gone."""

    def has_position(file: LogFile) -> bool:
        return file.holds(position.offset, position.digest)

    same = _first(path, lambda file: file.inode == position.inode and has_position(file))
    return same or (_first(path, has_position) if position.offset else None)


def written_since(path: Path, modified: int, known: Collection[int | None]) -> list[LogFile]:
    """Files written after `modified` (ns), without the known inodes, in the order of their last write.

    The file at `path`, if there is one, is always among them, as the last.
    """
    current = current_file(path)
    known = {*known, *(file.inode for file in current)}
    return _selected(_siblings(path), lambda file: file.inode not in known and file.modified > modified) + current


def current_file(path: Path) -> list[LogFile]:
    """The file at `path`, if there is one."""
    try:
        return [LogFile(path)]
    except FileNotFoundError:
        return []


def inode_at(path: Path) -> int | None:
    """Inode of the file at `path`, None if there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _first(path: Path, is_selected: Callable[[LogFile], bool]) -> LogFile | None:
    """Of the file at the path and its siblings, the newest first, the first that is selected."""
    files = [*current_file(path), *reversed(_siblings(path))]
    found = _selected(files, is_selected)
    for file in found[1:]:
        file.close()
    return found[0] if found else None


def _selected(files: Sequence[LogFile], is_selected: Callable[[LogFile], bool]) -> list[LogFile]:
    """Those that are selected; the others are closed."""
    found = [file for file in files if is_selected(file)]
    for file in files:
        if file not in found:
            file.close()
    return found


def _siblings(path: Path) -> list[LogFile]:
    """Rotated files, `LOG.1` or `LOG-20261127`, which are not compressed, in the order of their last write."""
    found = []
    for name in path.parent.glob(f"{glob.escape(path.name)}[.-]*"):
        with suppress(FileNotFoundError, PermissionError):
            if name.suffix not in COMPRESSED and name.is_file():
                found.append(LogFile(name))
    return sorted(found, key=lambda file: file.modified)
