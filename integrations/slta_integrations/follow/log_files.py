"""Files of a rotated log: the file at its path, and those that a rotation renamed or copied beside it."""

from __future__ import annotations

import glob
import os
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path

HEAD_BYTES = 256
"""A copy of a file, and a file that was rewritten, are known by so many first bytes."""
COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zst", ".lz4"})


class LogFile:
    """Open file of a log. It stays readable when it is renamed or removed."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._stream = path.open("rb", buffering=0)
        self.inode = os.fstat(self._stream.fileno()).st_ino
        self.head = b""
        self.end = 0
        """Size that was seen last."""
        self._halves: deque[int] = deque()
        self.see()

    def see(self) -> bool:
        """Note the present size; False if the file was rewritten since: it is shorter, or begins with other bytes."""
        size, head = self.size, self.read(0, HEAD_BYTES)
        if size < self.end or not head.startswith(self.head):
            return False
        if size > self.end and self.read(size - 1, 1) != b"\n":
            self._halves.append(size)
        self.end, self.head = size, head
        return True

    @property
    def size(self) -> int:
        return os.fstat(self._stream.fileno()).st_size

    @property
    def modified(self) -> int:
        """Time of the last write in nanoseconds."""
        return os.fstat(self._stream.fileno()).st_mtime_ns

    def read(self, offset: int, count: int) -> bytes:
        """At most so many bytes."""
        return os.pread(self._stream.fileno(), count, offset)

    def half(self, begin: int, end: int) -> int:
        """Where the file was last seen to end within the line at `begin`, or `begin`. Call it in order."""
        half = begin
        while self._halves and self._halves[0] < end:
            half = max(half, self._halves.popleft())
        return half

    def close(self) -> None:
        self._stream.close()


def find(path: Path, inode: int | None, head: bytes, size: int) -> LogFile | None:
    """The file that begins so and has this size at least: of this inode, otherwise a copy of it. None if it is gone."""
    files = [*current_file(path), *reversed(_siblings(path))]
    held = _selected(files, lambda file: file.end >= size and file.head.startswith(head))
    same = [file for file in held if file.inode == inode] or (held if head else [])
    _selected(held, lambda file: file in same[:1])
    return same[0] if same else None


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
